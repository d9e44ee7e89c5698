/** A bare page for tests/e2e/test_seals_browser.py: the product's client and worker, and what crosses between them. */
import type { FromWorker } from '../../../src/seals/protocol';
import { Seals, SealRefused } from '../../../src/seals/client';

const crossed: unknown[] = [];
const NativeWorker = Worker;

/** Keeps whatever the worker says, so that the test can look for keys in it. */
class ListenedWorker extends NativeWorker {
  constructor(url: string | URL, options?: WorkerOptions) {
    super(url, options);
    this.addEventListener('message', (event: MessageEvent<FromWorker>) => crossed.push(structuredClone(event.data)));
  }
}
globalThis.Worker = ListenedWorker;

const hex = (data: Uint8Array) => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Every byte and text that crossed, in a form that can be searched. */
function everything(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes:${hex(value)} `;
  if (value instanceof CryptoKey) return 'CRYPTOKEY ';
  if (typeof value === 'object' && value !== null) return Object.values(value).map(everything).join('');
  return `${String(value)} `;
}

const seals = new Seals();
Object.assign(globalThis, {
  seals,
  crossed: () => everything(crossed),
  digest: async (data: BufferSource) => hex(new Uint8Array(await crypto.subtle.digest('SHA-256', data))),
  hex,
  /** Name of the refusal that a promise ends in, or 'opened'. */
  refusal: (promise: Promise<unknown>) =>
    promise.then(
      () => 'opened',
      (fault: unknown) => (fault instanceof SealRefused ? fault.refusal : String(fault)),
    ),
});
document.title = 'ready';
