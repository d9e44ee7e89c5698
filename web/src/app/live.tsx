/** One event stream for the whole page (browsers allow six connections to a server in all). */
import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { listen, type LiveState } from '../api/live';
import type { WorklistEvent } from '../api/types';
import { useSession } from './session';

interface Ear {
  onEvent: (event: WorklistEvent) => void;
  onGap: () => void;
}

interface Live {
  state: LiveState;
  join: (ear: Ear) => () => void;
}

const LiveContext = createContext<Live | null>(null);

export function LiveProvider({ children }: { children: ReactNode }) {
  const { me, may } = useSession();
  const [state, setState] = useState<LiveState>('connecting');
  const ears = useRef(new Set<Ear>());
  const csrf = me?.csrf;
  const wanted = may('worklist.read');
  useEffect(() => {
    if (!wanted) return;
    return listen<WorklistEvent>('/api/worklist/events', {
      onEvent: (event) => ears.current.forEach((ear) => ear.onEvent(event)),
      onGap: () => ears.current.forEach((ear) => ear.onGap()),
      onState: setState,
    });
  }, [wanted, csrf]);
  const live = useMemo<Live>(
    () => ({
      state,
      join: (ear) => {
        ears.current.add(ear);
        return () => ears.current.delete(ear);
      },
    }),
    [state],
  );
  return <LiveContext.Provider value={live}>{children}</LiveContext.Provider>;
}

/** Hear worklist events; `onGap` after the stream was interrupted. */
export function useLive(ear: Ear): LiveState {
  const live = useContext(LiveContext);
  if (live === null) throw new Error('LiveContext missing');
  const latest = useRef(ear);
  useEffect(() => {
    latest.current = ear;
  });
  const join = useRef(live.join);
  useEffect(() => join.current({ onEvent: (event) => latest.current.onEvent(event), onGap: () => latest.current.onGap() }), []);
  return live.state;
}
