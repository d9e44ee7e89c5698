/** A document as something that draws itself on a canvas. The content type of the index decides, never the bytes. */
import workerUrl from 'pdfjs-dist/legacy/build/pdf.worker.min.mjs?url';
import type { PDFWorker } from 'pdfjs-dist';
import { startChecked } from '../worker';

export interface DrawnDocument {
  pages: number;
  /** Draws a page; `zoom` 1 is the whole page at reading size. */
  draw: (page: number, canvas: HTMLCanvasElement, zoom: number) => Promise<void>;
  close: () => void;
}

const LONGEST_SIDE_PX = 2200;
/** Nothing larger: a browser's canvas has an end. */
const LARGEST_SIDE_PX = 8000;
const largest = (zoom: number): number => Math.min(LARGEST_SIDE_PX, LONGEST_SIDE_PX * Math.max(1, zoom));
const PHOTOS = new Set(['image/jpeg', 'image/png']);

async function pdfOf(data: Uint8Array): Promise<DrawnDocument> {
  const [pdf, port, files] = (await Promise.all([import('pdfjs-dist/legacy/build/pdf.mjs'), startChecked(workerUrl), import('./pdfFiles')])) as [typeof import('pdfjs-dist'), Worker, typeof import('./pdfFiles')];
  const own = pdf.PDFWorker.fromPort({ port }) as PDFWorker;
  const task = pdf.getDocument({ data, worker: own, isEvalSupported: false, enableXfa: false, stopAtErrors: false, useSystemFonts: true, useWorkerFetch: false, CMapReaderFactory: files.CharacterMaps, StandardFontDataFactory: files.StandardFonts });
  const document = await task.promise;
  return {
    pages: document.numPages,
    async draw(page, canvas, zoom) {
      const sheet = await document.getPage(page);
      const base = sheet.getViewport({ scale: 1 });
      const viewport = sheet.getViewport({ scale: Math.min(2 * zoom, largest(zoom) / Math.max(base.width, base.height)) });
      canvas.width = Math.round(viewport.width);
      canvas.height = Math.round(viewport.height);
      const context = canvas.getContext('2d');
      if (context === null) throw new Error('no canvas');
      await sheet.render({ canvasContext: context, viewport, annotationMode: pdf.AnnotationMode.DISABLE }).promise;
    },
    close: () => {
      void task.destroy();
      port.terminate();
    },
  };
}

async function photoOf(data: Uint8Array, contentType: string): Promise<DrawnDocument> {
  const picture = await createImageBitmap(new Blob([data as Uint8Array<ArrayBuffer>], { type: contentType }));
  return {
    pages: 1,
    draw(_page, canvas, zoom) {
      const scale = Math.min(1, largest(zoom) / Math.max(picture.width, picture.height));
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
      return Promise.resolve();
    },
    close: () => picture.close(),
  };
}

/** Plain text (a report draft) drawn line by line: text, whatever it holds. */
function plainOf(data: Uint8Array): DrawnDocument {
  const text = new TextDecoder().decode(data);
  return {
    pages: 1,
    draw(_page, canvas) {
      const context = canvas.getContext('2d');
      if (context === null) throw new Error('no canvas');
      const [width, size, margin] = [1000, 22, 48];
      const font = `${size}px "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif`;
      context.font = font;
      const lines = text.split('\n').flatMap((line) => wrapped(line, width - 2 * margin, (part) => context.measureText(part).width));
      canvas.width = width;
      canvas.height = Math.min(8000, Math.max(400, lines.length * size * 1.5 + 2 * margin));
      context.fillStyle = '#fff';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.fillStyle = '#111';
      context.font = font;
      lines.forEach((line, at) => context.fillText(line, margin, margin + (at + 1) * size * 1.5 - 8));
      return Promise.resolve();
    },
    close: () => undefined,
  };
}

/** Break a line so that no part is wider than `most`. */
export function wrapped(line: string, most: number, widthOf: (part: string) => number): string[] {
  const parts: string[] = [];
  let part = '';
  for (const letter of line) {
    if (part !== '' && widthOf(part + letter) > most) {
      parts.push(part);
      part = '';
    }
    part += letter;
  }
  return [...parts, part];
}

/** Throws a TypeError for a type that is not drawn here. */
export function pictureOf(data: Uint8Array, contentType: string): Promise<DrawnDocument> {
  if (contentType === 'application/pdf') return pdfOf(data);
  if (PHOTOS.has(contentType)) return photoOf(data, contentType);
  if (contentType.startsWith('text/plain')) return Promise.resolve(plainOf(data));
  return Promise.reject(new TypeError(contentType));
}
