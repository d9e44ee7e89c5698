/** Which consultations changed, from the appliance's stream; `null` for the list itself: after a gap, or when something was announced. */
import { useEffect, useRef, useState } from 'react';
import { listen, type LiveState } from '../api/live';
import { useSession } from '../app/session';

export function useBoxLive(onChange: (consult: string | null) => void): LiveState {
  const { me, may } = useSession();
  const [state, setState] = useState<LiveState>('connecting');
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });
  const csrf = me?.csrf;
  const wanted = may('consult.request');
  useEffect(() => {
    if (!wanted) return;
    return listen<{ consult: string | null }>('/api/consults/events', { onEvent: (event) => latest.current(event.consult), onGap: () => latest.current(null), onState: setState });
  }, [wanted, csrf]);
  return state;
}
