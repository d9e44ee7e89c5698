/** Bringing a series' slices together: in the grid's order, several at a time, with progress, to be broken off. */
import type { FrameSource } from '../viewer/frames';
import type { Slice } from './reslice';

const AT_ONCE = 6;

export class SliceFailed extends Error {
  constructor(readonly index: number) {
    super(`slice ${index}`);
  }
}

/** A picture whose pixels are no single values. */
export class ColourSlice extends Error {}

/**
 * Every slice, k-th of the grid at place k. Rejects with `SliceFailed` where one cannot be had: nothing
 * is put together from what is missing.
 */
export async function loadSlices(sources: readonly FrameSource[], order: readonly number[], read: (source: FrameSource) => Promise<Slice>, onProgress: (done: number) => void, signal: AbortSignal): Promise<Slice[]> {
  const slices: Slice[] = [];
  let [next, done] = [0, 0];
  const one = async (): Promise<void> => {
    while (next < order.length) {
      signal.throwIfAborted();
      const k = next++;
      const source = sources[order[k] ?? -1];
      if (source === undefined) throw new SliceFailed(k);
      try {
        slices[k] = await read(source);
      } catch (error) {
        next = order.length; // the others stop too
        throw error instanceof ColourSlice ? error : new SliceFailed(order[k] ?? k);
      }
      done += 1;
      if (!signal.aborted) onProgress(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  signal.throwIfAborted();
  return slices;
}
