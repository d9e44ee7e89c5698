/** Load what is nearest to the eye first. The order is pure; the loop asks again after each frame. */

/** Nearest frame to `centre` that is neither loaded nor asked for; forward wins a tie. */
export function nextWanted(count: number, centre: number, taken: (index: number) => boolean): number | null {
  for (let away = 0; away < count; away += 1) {
    for (const index of [centre + away, centre - away]) {
      if (index >= 0 && index < count && !taken(index)) return index;
    }
  }
  return null;
}

export interface Prefetch {
  recentre: (index: number) => void;
  stop: () => void;
}

export interface PrefetchPorts {
  count: number;
  load: (index: number) => Promise<unknown>;
  /** False when the cache is full: what is there stays, nothing more is fetched ahead. */
  room: () => boolean;
  onLoaded: (index: number) => void;
}

const LANES = 3; // of the browser's six connections; the event stream and the reader need some
const RETRY_MS = 2000;

export function prefetch(ports: PrefetchPorts, start: number): Prefetch {
  const taken = new Set<number>();
  let centre = start;
  let stopped = false;

  async function lane(): Promise<void> {
    while (!stopped && ports.room()) {
      const index = nextWanted(ports.count, centre, (candidate) => taken.has(candidate));
      if (index === null) return;
      taken.add(index);
      try {
        await ports.load(index);
        ports.onLoaded(index);
      } catch {
        // Network or server trouble: give the frame back and breathe before the next try.
        taken.delete(index);
        await new Promise((resolve) => window.setTimeout(resolve, RETRY_MS));
      }
    }
  }
  for (let lanes = 0; lanes < LANES; lanes += 1) void lane();
  return {
    recentre: (index) => {
      centre = index;
    },
    stop: () => {
      stopped = true;
    },
  };
}
