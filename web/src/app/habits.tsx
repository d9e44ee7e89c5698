/** A person's own keys and mouse: read after the log-in, kept by the server under a version. */
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { MOUSE, type Mouse } from '../viewer/interaction';
import { BINDINGS, type Binding } from './keys';
import { keyLabel, mapped, type Changed } from './keymap';
import { useSession } from './session';

export interface Kept {
  version: number;
  keys: Changed;
  mouse: Mouse;
}

interface Habits {
  bindings: readonly Binding[];
  mouse: Mouse;
  /** What the server holds; null until it has said so. */
  kept: Kept | null;
  save: (keys: Changed, mouse: Mouse) => Promise<void>;
  refresh: () => Promise<void>;
}

/** Where nobody keeps habits (the portal): the page's own. A function, since keys.ts is read before this file ends. */
const standard = (): Habits => ({ bindings: BINDINGS, mouse: MOUSE, kept: null, save: () => Promise.resolve(), refresh: () => Promise.resolve() });

const HabitsContext = createContext<Habits | null>(null);

export const useHabits = (): Habits => useContext(HabitsContext) ?? standard();

/** Buttons of the viewer name the page's own key ("⇧D"; several with spaces between): the one that this person has for it. */
export function useLiveKeys(): (standard: string) => string {
  const { bindings } = useHabits();
  return useCallback(
    (standard) =>
      standard
        .split(' ')
        .map((name) => {
          const command = BINDINGS.find((binding) => binding.group === 'viewer' && binding.keys.some((key) => keyLabel(key) === name))?.command;
          if (command === undefined) return name;
          const live = bindings.find((binding) => binding.command === command)?.keys ?? [];
          return live.some((key) => keyLabel(key) === name) ? name : live[0] === undefined ? '' : keyLabel(live[0]);
        })
        .join(' ')
        .trim(),
    [bindings],
  );
}

export function HabitsProvider({ children }: { children: ReactNode }) {
  const { api, me, reachable } = useSession();
  const [kept, setKept] = useState<Kept | null>(null);
  const csrf = me?.csrf;
  const refresh = useCallback(async () => setKept(await api.get<Kept>('/api/me/habits')), [api]);
  useEffect(() => {
    // Without them the page's own map is in force; the banner says if nobody answers.
    if (csrf !== undefined && reachable) void refresh().catch(() => undefined);
  }, [refresh, csrf, reachable]);
  const version = kept?.version ?? 0;
  const save = useCallback(async (keys: Changed, mouse: Mouse) => setKept(await api.send<Kept>('PUT', '/api/me/habits', { version, keys, mouse })), [api, version]);
  const habits = useMemo<Habits>(() => ({ bindings: kept === null ? BINDINGS : mapped(kept.keys), mouse: kept?.mouse ?? MOUSE, kept, save, refresh }), [kept, save, refresh]);
  return <HabitsContext.Provider value={habits}>{children}</HabitsContext.Provider>;
}
