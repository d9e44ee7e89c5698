/** The hub's event stream for the whole page: changed consultations, notices, presence. */
import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { listen, type LiveState } from '../api/live';
import { useSession } from '../app/session';
import type { PortalEvent } from './types';

interface Ear {
  onEvent: (event: PortalEvent) => void;
  onGap: () => void;
}

interface Live {
  state: LiveState;
  join: (ear: Ear) => () => void;
}

const LiveContext = createContext<Live | null>(null);

export function PortalLiveProvider({ children }: { children: ReactNode }) {
  const { me } = useSession();
  const [state, setState] = useState<LiveState>('connecting');
  const ears = useRef(new Set<Ear>());
  const csrf = me?.csrf;
  useEffect(
    () =>
      listen<PortalEvent>('/api/events', {
        onEvent: (event) => ears.current.forEach((ear) => ear.onEvent(event)),
        onGap: () => ears.current.forEach((ear) => ear.onGap()),
        onState: setState,
      }),
    [csrf],
  );
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

export function usePortalLive(ear: Ear): LiveState {
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
