/** Character maps (Chinese encodings) and standard fonts for pdf.js: from our own origin, compared with their hash. */
import hashes from 'virtual:pdf-integrity';

const maps = import.meta.glob<string>('/node_modules/pdfjs-dist/cmaps/*.bcmap', { query: '?url', import: 'default', eager: true });
const fonts = import.meta.glob<string>(['/node_modules/pdfjs-dist/standard_fonts/*.pfb', '/node_modules/pdfjs-dist/standard_fonts/*.ttf'], { query: '?url', import: 'default', eager: true });

const named = (found: Record<string, string>) => new Map(Object.entries(found).map(([path, url]) => [path.slice(path.lastIndexOf('/') + 1), url]));
const MAPS = named(maps);
const FONTS = named(fonts);

async function bytesOf(file: string, urls: ReadonlyMap<string, string>): Promise<Uint8Array> {
  const url = urls.get(file);
  const integrity = hashes[file];
  if (url === undefined || integrity === undefined) throw new Error(`no such file: ${file.slice(0, 40)}`);
  const answer = await fetch(url, { integrity, credentials: 'same-origin' });
  return new Uint8Array(await answer.arrayBuffer());
}

/** As pdf.js asks for a character map by name. */
export class CharacterMaps {
  async fetch({ name }: { name: string }): Promise<{ cMapData: Uint8Array; isCompressed: boolean }> {
    return { cMapData: await bytesOf(`${name}.bcmap`, MAPS), isCompressed: true };
  }
}

/** As pdf.js asks for the data of a font that a document names but does not hold. */
export class StandardFonts {
  fetch({ filename }: { filename: string }): Promise<Uint8Array> {
    return bytesOf(filename, FONTS);
  }
}
