/** The key directory as this page believes it: verified in the worker as an extension of what this computer saw before. */
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { PublicMessage } from '../api/types';
import { useSession } from '../app/session';
import type { DirectoryView, PersonKey } from '../seals/client';
import { SealRefused, useKeys } from './seals';
import type { DirectoryAnswer } from './types';

export interface Directory {
  view: DirectoryView | null;
  /** Boxes whose statement of having seen this directory agrees with it. */
  witnesses: { node: string; size: number; at: string }[];
  /** The directory broke its promise; nothing is signed or sealed while this stands. */
  alarm: PublicMessage | null;
  failure: unknown;
  reload: () => void;
  /** The key in force of a person; null where there is none, or it was retired or revoked. */
  person: (id: string) => PersonKey | null;
  /** When a person's key took the place of another, until somebody at this computer has confirmed it; "" otherwise. */
  changedAt: (id: string) => string;
}

const DirectoryContext = createContext<Directory | null>(null);

export function useDirectory(): Directory {
  const directory = useContext(DirectoryContext);
  if (directory === null) throw new Error('DirectoryContext missing');
  return directory;
}

type State = Pick<Directory, 'view' | 'witnesses' | 'alarm' | 'failure'>;

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export function DirectoryProvider({ children }: { children: ReactNode }) {
  const { api, me } = useSession();
  const { seals } = useKeys();
  const [state, setState] = useState<State>({ view: null, witnesses: [], alarm: null, failure: null });
  const [round, setRound] = useState(0);
  const csrf = me?.csrf;
  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      const answer = await api.get<DirectoryAnswer>('/api/directory?after=0', stop.signal);
      try {
        const view = await seals.verifyDirectory(answer.entries.map(text), text(answer.head), answer.hub_public);
        const witnesses: Directory['witnesses'] = [];
        for (const one of answer.witnesses) {
          const said = await seals.verifyStatement(text(one), 'xinglin witness v1');
          const { size, head, at } = said.body;
          if (!('node' in said.signer) || typeof size !== 'number' || typeof at !== 'string') continue;
          // A box that saw another history of this length: the hub shows different people different directories.
          if (size === view.size && head !== view.head) throw new SealRefused('WitnessConflict', { node: said.signer.node.slice(0, 16), size });
          witnesses.push({ node: said.signer.node, size, at });
        }
        setState({ view, witnesses, alarm: null, failure: null });
      } catch (error) {
        if (!(error instanceof SealRefused)) throw error;
        setState((old) => ({ ...old, alarm: error.said }));
      }
    };
    read().catch((failure: unknown) => {
      if (!stop.signal.aborted) setState((old) => ({ ...old, failure }));
    });
    return () => stop.abort();
  }, [api, seals, csrf, round]);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  const directory = useMemo<Directory>(
    () => ({
      ...state,
      reload,
      person: (id) => {
        const found = state.view?.people[id];
        return found === undefined || found.retired_at !== '' || state.view?.revoked[id] !== undefined ? null : found;
      },
      changedAt: (id) => state.view?.changed.find((one) => one.kind === 'person' && one.id === id)?.at ?? '',
    }),
    [state, reload],
  );
  return <DirectoryContext.Provider value={directory}>{children}</DirectoryContext.Provider>;
}
