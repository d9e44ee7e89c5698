/** The person's keys as the page knows them: not made, locked, or open in the worker. */
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { useSession } from '../app/session';
import type { Seals } from '../seals/client';

export { SealRefused } from '../seals/client';
export type { Checked, Handle, ObjectContext, Seals } from '../seals/client';

export type KeyState = 'unknown' | 'none' | 'locked' | 'open';

interface Keys {
  seals: Seals;
  state: KeyState;
  setState: (state: KeyState) => void;
}

const KeysContext = createContext<Keys | null>(null);

export function useKeys(): Keys {
  const keys = useContext(KeysContext);
  if (keys === null) throw new Error('KeysContext missing');
  return keys;
}

export function KeysProvider({ seals, children }: { seals: Seals; children: ReactNode }) {
  const { me } = useSession();
  const [state, setState] = useState<KeyState>('unknown');
  const person = me?.id ?? null;
  const key = me?.key?.id ?? null;
  useEffect(() => {
    if (person === null) return;
    let left = false;
    const tell = (next: KeyState) => {
      if (!left) setState(next);
    };
    if (key === null) tell('none');
    else {
      seals.resume(person, key).then(
        (resumed) => tell(resumed === null ? 'locked' : 'open'),
        () => tell('locked'),
      );
    }
    return () => {
      left = true;
    };
  }, [seals, person, key]);
  const keys = useMemo(() => ({ seals, state: person === null ? ('unknown' as const) : state, setState }), [seals, state, person]);
  return <KeysContext.Provider value={keys}>{children}</KeysContext.Provider>;
}
