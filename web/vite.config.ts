import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { integrity } from './integrity';
import { pdfData } from './pdfData';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const appliance = process.env.XINGLIN_APPLIANCE ?? 'http://127.0.0.1:8089';

export default defineConfig({
  plugins: [
    react(),
    pdfData(at('./node_modules/pdfjs-dist')),
    // The hub serves the portal and is trusted with less than the hospital's own appliance: there every script has a hash.
    integrity([
      { file: 'index.html', whole: false },
      { file: 'portal.html', whole: true },
    ]),
  ],
  // The server puts a fresh nonce here in every answer; see docs of the content security policy.
  html: { cspNonce: '__CSP_NONCE__' },
  resolve: {
    // vtk.js reaches xmlbuilder2, which needs Node's EventEmitter; Vite's empty stub breaks the page.
    alias: { events: at('./node_modules/events/events.js') },
  },
  worker: { format: 'es' },
  optimizeDeps: { exclude: ['@cornerstonejs/dicom-image-loader'], include: ['dicom-parser'] },
  build: {
    target: 'chrome109',
    assetsInlineLimit: 0,
    // One sheet of styles with one hash, instead of styles that scripts add later.
    cssCodeSplit: false,
    rolldownOptions: { input: { main: at('./index.html'), portal: at('./portal.html') } },
    chunkSizeWarningLimit: 4500,
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': appliance, '/dicomweb': appliance } },
});
