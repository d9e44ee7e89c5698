/**
 * Writes subresource integrity into the built pages: a hash on every script and style that a page names.
 *
 * A page in `whole` also names every script that it may ever import (as `modulepreload` with its hash, which
 * a browser holds later imports to), and the hashes of the scripts of its workers, for which no attribute
 * exists (`<meta name="xinglin-integrity">`; src/portal/worker.ts compares them).
 *
 * Last it writes `asset-manifest.json`: the hash of every file of the build. An appliance serves the portal's page
 * only where each file is the one that the list names (core/web/release.py).
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Plugin } from 'vite';

export interface BuiltChunk {
  fileName: string;
  imports: readonly string[];
  dynamicImports: readonly string[];
}

export const hashOf = (bytes: Uint8Array): string => `sha384-${createHash('sha384').update(bytes).digest('base64')}`;

/** Every script that may be imported from one, itself left out. */
export function reachable(from: string, chunks: ReadonlyMap<string, BuiltChunk>): string[] {
  const found = new Set<string>();
  const ahead = [from];
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    const chunk = chunks.get(name);
    for (const next of [...(chunk?.imports ?? []), ...(chunk?.dynamicImports ?? [])]) {
      if (found.has(next) || next === from || !chunks.has(next)) continue;
      found.add(next);
      ahead.push(next);
    }
  }
  return [...found].sort();
}

const NAMED = /<(script|link)\b([^>]*?)\b(src|href)="(\/assets\/[^"]+)"([^>]*)>/g;

/** The page with hashes on what it names. */
export function withIntegrity(html: string, hash: (path: string) => string): string {
  return html.replace(NAMED, (whole, tag: string, before: string, attribute: string, path: string, after: string) => {
    if (/\bintegrity=/.test(whole)) return whole;
    const cross = /\bcrossorigin\b/.test(whole) ? '' : ' crossorigin';
    return `<${tag}${before}${attribute}="${path}" integrity="${hash(path)}"${cross}${after}>`;
  });
}

export const MANIFEST = 'asset-manifest.json';

/** The hash of every file below a folder, by its path with slashes; the list itself left out. */
export function manifestOf(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => path !== MANIFEST)
    .sort();
  return Object.fromEntries(paths.map((path) => [path, hashOf(readFileSync(join(folder, path)))]));
}

export function integrity(pages: { file: string; whole: boolean }[]): Plugin {
  return {
    name: 'xinglin-integrity',
    apply: 'build',
    enforce: 'post',
    writeBundle: {
      order: 'post',
      sequential: true,
      handler(options, bundle) {
        const folder = options.dir ?? 'dist';
        rmSync(join(folder, MANIFEST), { force: true });
        const hash = (path: string) => hashOf(readFileSync(join(folder, path)));
        const chunks = new Map<string, BuiltChunk>();
        for (const one of Object.values(bundle)) if (one.type === 'chunk') chunks.set(one.fileName, one);
        const workers = Object.keys(bundle).filter((name) => /\.m?js$/.test(name) && !chunks.has(name));
        for (const { file, whole } of pages) {
          let html = readFileSync(join(folder, file), 'utf8');
          if (whole) {
            const entry = /<script[^>]*\bsrc="\/(assets\/[^"]+)"/.exec(html)?.[1] ?? '';
            const named = new Set([...html.matchAll(NAMED)].map((found) => found[4]));
            const links = reachable(entry, chunks)
              .filter((name) => !named.has(`/${name}`))
              .map((name) => `    <link rel="modulepreload" crossorigin href="/${name}">`);
            const table = JSON.stringify(Object.fromEntries(workers.map((name) => [`/${name}`, hash(name)])));
            links.push(`    <meta name="xinglin-integrity" content='${table}'>`);
            html = html.replace('  </head>', `${links.join('\n')}\n  </head>`);
          }
          writeFileSync(join(folder, file), withIntegrity(html, hash));
        }
        writeFileSync(join(folder, MANIFEST), `${JSON.stringify({ version: 1, files: manifestOf(folder) }, null, 1)}\n`);
      },
    },
  };
}
