/**
 * Starts the worker that holds keys, from code whose hash stands in the page.
 *
 * A browser has no `integrity` for workers. The page therefore fetches the worker's script with the hash that
 * the build wrote into it, and starts the very bytes that were compared.
 */
import { Seals, type WorkerPort } from '../seals/client';
import workerUrl from '../seals/worker.ts?worker&url';

const META = 'xinglin-integrity';

/** The hash that the build wrote for a script; null in development, where nothing is built. */
export function integrityOf(url: string, content: string | null): string | null {
  if (content === null || content === '') return null;
  const table = JSON.parse(content) as Record<string, string>;
  const path = new URL(url, 'http://x').pathname;
  return table[path] ?? null;
}

interface Early {
  message: unknown;
  transfer: Transferable[];
}

/** A worker that starts when its script has been compared; what is said to it meanwhile waits. */
class CheckedWorker implements WorkerPort {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  private worker: Worker | null = null;
  private early: Early[] | null = [];

  constructor(url: string, integrity: string | null) {
    this.begin(url, integrity).catch((fault: unknown) => this.onerror?.(new ErrorEvent('error', { message: String(fault) })));
  }

  private async begin(url: string, integrity: string | null): Promise<void> {
    const worker = integrity === null ? new Worker(url, { type: 'module', name: 'seals' }) : await started(url, integrity);
    worker.onmessage = (event) => this.onmessage?.(event);
    worker.onerror = (event) => this.onerror?.(event);
    this.worker = worker;
    for (const { message, transfer } of this.early ?? []) worker.postMessage(message, transfer);
    this.early = null;
  }

  postMessage(message: unknown, transfer: Transferable[]): void {
    if (this.worker === null) this.early?.push({ message, transfer });
    else this.worker.postMessage(message, transfer);
  }

  terminate(): void {
    this.worker?.terminate();
    this.early = null;
  }
}

/** The hash of a script of this page, as the build wrote it into the page. */
export function statedIntegrity(url: string): string | null {
  return integrityOf(url, document.querySelector<HTMLMetaElement>(`meta[name="${META}"]`)?.content ?? null);
}

/** A worker of exactly those bytes; without a stated hash (development) as it is. */
export async function startChecked(url: string): Promise<Worker> {
  const integrity = statedIntegrity(url);
  if (integrity !== null) return started(url, integrity);
  if (import.meta.env.PROD) throw new Error('the hash of a worker is missing');
  return new Worker(url, { type: 'module' });
}

async function started(url: string, integrity: string): Promise<Worker> {
  const answer = await fetch(url, { integrity, credentials: 'same-origin' });
  const script = URL.createObjectURL(new Blob([await answer.text()], { type: 'text/javascript' }));
  try {
    return new Worker(script, { type: 'module', name: 'seals' });
  } finally {
    // The worker has taken the script by its next turn; the address need not live on.
    window.setTimeout(() => URL.revokeObjectURL(script), 10_000);
  }
}

export function createSeals(): Seals {
  const integrity = statedIntegrity(workerUrl);
  if (import.meta.env.PROD && integrity === null) throw new Error('the hash of the worker is missing');
  return new Seals(new CheckedWorker(workerUrl, integrity));
}
