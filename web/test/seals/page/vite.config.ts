import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** As the product's page is built, so that the worker is the product's. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  worker: { format: 'es' },
  build: { target: 'chrome109', assetsInlineLimit: 0, emptyOutDir: true, modulePreload: { polyfill: false }, reportCompressedSize: false },
  logLevel: 'warn',
});
