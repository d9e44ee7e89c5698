/** The small map of lungs, airways and lesions, read when it is asked for. */
import { useEffect, useState } from 'react';
import { solidsOf, type Solids } from './solid';

/** What the appliance found; null where it keeps no map of this series, undefined while it is asked. */
export function useSolids(path: string | null): Solids | null | undefined {
  const [read, setRead] = useState<{ path: string; solids: Solids | null } | null>(null);
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    fetch(path, { signal: stop.signal, credentials: 'same-origin' })
      .then(async (answer) => (answer.ok ? solidsOf(await answer.arrayBuffer()) : null))
      .catch(() => null)
      .then((solids) => {
        if (!stop.signal.aborted) setRead({ path, solids });
      })
      .catch(() => undefined);
    return () => stop.abort();
  }, [path]);
  return path === null ? null : read?.path === path ? read.solids : undefined;
}
