import { useCallback, useEffect, useState } from 'react';
import { useSession } from '../app/session';

export interface Read<T> {
  data: T | null;
  error: unknown;
  loading: boolean;
  reload: () => void;
}

/** GET a path, again every `everyMs` if given and whenever `revision` changes; old data stays on screen while a new read runs or fails. */
export function useRead<T>(path: string | null, everyMs: number | null = null, revision = 0): Read<T> {
  const { api, me, reachable } = useSession();
  const [state, setState] = useState<{ path: string | null; data: T | null; error: unknown }>({ path: null, data: null, error: null });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  const csrf = me?.csrf;

  // A new log-in (csrf) or a network that came back (reachable) reads again.
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    api.get<T>(path, stop.signal).then(
      (data) => setState({ path, data, error: null }),
      (error: unknown) => {
        if (!stop.signal.aborted) setState((old) => ({ path, data: old.path === path ? old.data : null, error }));
      },
    );
    return () => stop.abort();
  }, [api, path, round, csrf, reachable, revision]);

  useEffect(() => {
    if (everyMs === null) return;
    const timer = window.setInterval(reload, everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs, reload]);

  const current = state.path === path;
  return { data: current ? state.data : null, error: current ? state.error : null, loading: !current || (state.data === null && state.error === null), reload };
}
