/**
 * Character maps and standard fonts of pdf.js, with their hashes: they decide which glyph a document's code becomes,
 * so the portal takes exactly those of this release (`virtual:pdf-integrity`, name → hash).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { hashOf } from './integrity';

const ID = 'virtual:pdf-integrity';
const FOLDERS = ['cmaps', 'standard_fonts'] as const;

export function hashesOf(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const folder of FOLDERS) {
    for (const name of readdirSync(join(root, folder)).sort()) {
      if (/\.(bcmap|pfb|ttf)$/.test(name)) found[name] = hashOf(readFileSync(join(root, folder, name)));
    }
  }
  return found;
}

export function pdfData(root: string): Plugin {
  return {
    name: 'xinglin-pdf-data',
    resolveId: (id) => (id === ID ? `\0${ID}` : null),
    load: (id) => (id === `\0${ID}` ? `export default ${JSON.stringify(hashesOf(root))};` : null),
  };
}
