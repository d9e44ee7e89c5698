/** Hashes of pdf.js's character maps and fonts by file name; written by web/pdfData.ts. */
declare module 'virtual:pdf-integrity' {
  const hashes: Record<string, string>;
  export default hashes;
}
