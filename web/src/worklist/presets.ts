/** A person's named filters: kept by the server under a version, whole; nothing is merged silently. */
import { useCallback, useEffect, useState } from 'react';
import { useSession } from '../app/session';
import { filtersOf, searchOf, type Filters } from './filters';

export interface Preset {
  name: string;
  /** As in the address, without a question mark. */
  query: string;
  /** The list opens with it. */
  standard: boolean;
}

export interface Kept {
  version: number;
  presets: Preset[];
}

/** A preset is a way of working, not a patient: searches for a person are left out (the server sees to it too). */
export function presetQuery(filters: Filters): string {
  return searchOf({ ...filters, q: undefined, name: undefined, patient: undefined }).slice(1);
}

/** Are these the filters of a preset? */
export function isPreset(preset: Preset, filters: Filters): boolean {
  return searchOf(filtersOf(preset.query)) === searchOf(filters);
}

/** Presets with at most one standard: the newest choice. */
export function withStandard(presets: readonly Preset[], at: number, standard: boolean): Preset[] {
  return presets.map((preset, index) => ({ ...preset, standard: index === at ? standard : standard ? false : preset.standard }));
}

export interface Presets {
  kept: Kept | null;
  /** Rejects with the server's refusal; a 409 says that they were changed elsewhere. */
  save: (presets: Preset[], madeOn: number) => Promise<void>;
  /** What the server holds now. */
  refresh: () => Promise<Kept>;
}

export function usePresets(): Presets {
  const { api, me, reachable } = useSession();
  const [kept, setKept] = useState<Kept | null>(null);
  const csrf = me?.csrf;
  const refresh = useCallback(async () => {
    const now = await api.get<Kept>('/api/me/presets');
    setKept(now);
    return now;
  }, [api]);
  useEffect(() => {
    // Without them the list works all the same; the banner says if nobody answers.
    void refresh().catch(() => undefined);
  }, [refresh, csrf, reachable]);
  const save = useCallback(
    async (presets: Preset[], madeOn: number) => {
      setKept(await api.send<Kept>('PUT', '/api/me/presets', { version: madeOn, presets }));
    },
    [api],
  );
  return { kept, save, refresh };
}
