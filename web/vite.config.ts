import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const appliance = process.env.XINGLIN_APPLIANCE ?? 'http://127.0.0.1:8089';

export default defineConfig({
  plugins: [react()],
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
    chunkSizeWarningLimit: 4500,
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': appliance, '/dicomweb': appliance } },
});
