/**
 * One study's measurements on the page: read from the server, saved a second after each change, tried again until they are
 * kept. Work that could not be saved stays in memory; a version from another window is never overwritten, the person is asked.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { ServerRefused, type Api } from '../api/client';
import { useSession } from '../app/session';
import { freshId, type Hands } from '../viewer/useDrawing';
import type { Measure } from '../viewer/measure';
import { bothOf, isKept, measureOf, saveOf, type Kept, type KeptList, type KeptRead } from './kept';

const SAVE_MS = 1000;
const AGAIN_MS = 4000;
const LOOK_MS = 15_000;
const LOOK_SENT_MS = 3000;
const ELSEWHERE = 'E5451';

export interface SaveState {
  /** `kept`: the server has what is on the page. */
  state: 'loading' | 'kept' | 'waiting' | 'saving' | 'failed' | 'conflict';
  /** The last version that the server confirmed to this page. */
  version: number;
  at: string;
  why: unknown;
}

export type Choice = 'both' | 'mine' | 'theirs';

interface Asked {
  /** null while there is no study to keep for. */
  study: string | null;
  hands: Hands;
  /** Whether a frame is this study's. */
  owns: (frame: string) => boolean;
}

const pathOf = (study: string) => `/api/studies/${encodeURIComponent(study)}/measurements`;
/** Trying the same again is useless: the server understood it and said no. */
const isFinal = (why: unknown) => why instanceof ServerRefused && why.status >= 400 && why.status < 500 && why.status !== 401 && why.status !== 409;

const NOTHING: Kept[] = [];

/** Saves what a page left behind, as often as it takes; leaving the browser asks first. */
function keepTrying(api: Api, path: string, body: unknown): void {
  const hold = (event: BeforeUnloadEvent) => event.preventDefault();
  window.addEventListener('beforeunload', hold);
  const done = () => window.removeEventListener('beforeunload', hold);
  const attempt = () => {
    api.send('PUT', path, body).then(done, (why: unknown) => {
      // Refused for good: it was saved elsewhere since, or may not be saved at all.
      if (isFinal(why) || (why instanceof ServerRefused && why.status === 409)) done();
      else window.setTimeout(attempt, AGAIN_MS);
    });
  };
  attempt();
}

/** The server's lists, read anew now and then: what others draw, and what became of what was sent. */
function useLists(study: string | null) {
  const { api, me, reachable } = useSession();
  const [found, setFound] = useState<{ study: string; read: KeptRead } | null>(null);
  const read = found !== null && found.study === study ? found.read : null;
  const set = useCallback((of: string, next: KeptRead) => setFound({ study: of, read: next }), []);
  const everyMs = read?.mine.state === 'pending' ? LOOK_SENT_MS : LOOK_MS;
  const csrf = me?.csrf;
  useEffect(() => {
    if (study === null) return;
    const stop = new AbortController();
    const look = () => void api.get<KeptRead>(pathOf(study), stop.signal).then((next) => setFound((old) => (old?.study === study && old.read.mine.version > next.mine.version ? old : { study, read: next }))).catch(() => undefined);
    look();
    const timer = window.setInterval(look, everyMs);
    return () => {
      stop.abort();
      window.clearInterval(timer);
    };
  }, [api, study, everyMs, csrf, reachable]);
  return { read, set };
}

interface Trouble {
  why: unknown;
  round: number;
  /** What could not be saved. */
  of: readonly Measure[];
}

/** The server said no to exactly this: only another drawing changes its mind. */
const isSettled = (trouble: Trouble | null, mine: readonly Measure[]) => trouble !== null && trouble.of === mine && isFinal(trouble.why);

function savingOf(list: KeptList | null, now: { rival: boolean; busy: boolean; dirty: boolean }, trouble: Trouble | null): SaveState {
  if (list === null) return { state: 'loading', version: 0, at: '', why: null };
  const { version, at } = list;
  const failed = trouble !== null && now.dirty;
  const state = now.rival ? 'conflict' : now.busy ? 'saving' : failed ? 'failed' : now.dirty ? 'waiting' : 'kept';
  return { state, version, at, why: trouble?.why ?? null };
}

/** One's own drawings of the study; a handle that is being dragged counts when it is let go. */
function useMine(drawing: Hands['drawing'], known: readonly Kept[], owns: Asked['owns']): readonly Measure[] {
  const { done, held } = drawing;
  return useMemo(() => {
    const ids = new Set(known.map((one) => one.id));
    return (held === null ? done : held.before).filter((one) => owns(one.frame) || ids.has(one.id));
  }, [done, held, known, owns]);
}

function useAutosave({ due, mine, failures, reachable, save }: { due: boolean; mine: readonly Measure[]; failures: number; reachable: boolean; save: () => Promise<unknown> }): void {
  useEffect(() => {
    if (!due) return;
    const timer = window.setTimeout(() => void save(), failures === 0 ? SAVE_MS : AGAIN_MS);
    return () => window.clearTimeout(timer);
  }, [due, mine, failures, reachable, save]);
}

/** Leaving the browser with unsaved work asks. */
function useLeaving(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return;
    const hold = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', hold);
    return () => window.removeEventListener('beforeunload', hold);
  }, [dirty]);
}

/** Save first, then let that version go to the PACS. */
function useSending(study: string | null, save: () => Promise<number | null>, set: (of: string, next: KeptRead) => void) {
  const { api } = useSession();
  const [sendTrouble, setSendTrouble] = useState<unknown>(null);
  const send = useCallback(async () => {
    const version = await save();
    if (study === null || version === null) return;
    setSendTrouble(null);
    try {
      set(study, await api.send<KeptRead>('POST', `${pathOf(study)}/send`, { version }));
    } catch (why) {
      setSendTrouble(why);
    }
  }, [api, study, save, set]);
  return { send, sendTrouble };
}

const listOf = (base: { study: string; list: KeptList } | null, study: string | null): KeptList | null => (base !== null && base.study === study ? base.list : null);

/** Newer than what the page's list was made on, while nothing here waits to be saved. */
const isNews = (read: KeptRead, list: KeptList | null, quiet: boolean) => quiet && (list === null || read.mine.version > list.version);

export function useKept({ study, hands, owns }: Asked) {
  const { api, reachable } = useSession();
  const { read, set } = useLists(study);
  const { drawing, step } = hands;
  /** What the page's own list was made on. */
  const [base, setBase] = useState<{ study: string; list: KeptList } | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [rival, setRival] = useState<KeptList | null>(null);
  const [busy, setBusy] = useState(false);
  const list = listOf(base, study);
  const known = list?.measures ?? NOTHING;
  const mine = useMine(drawing, known, owns);
  const may = read?.may ?? false;
  const dirty = list !== null && may && !isKept(mine, known);

  // First read, and later ones while nothing here waits to be saved: the page shows the server's list.
  if (read !== null && study !== null && isNews(read, list, !busy && rival === null && !dirty)) setBase({ study, list: read.mine });
  const adopted = useRef<{ list: KeptList; ids: string[] } | null>(null);
  useEffect(() => {
    if (list === null || adopted.current?.list === list) return;
    const gone = adopted.current?.ids ?? [];
    adopted.current = { list, ids: list.measures.map((one) => one.id) };
    step({ step: 'adopt', measures: list.measures.map(measureOf), gone });
  }, [list, step]);

  const latest = useRef({ study, list, mine, dirty, rival });
  useEffect(() => {
    latest.current = { study, list, mine, dirty, rival };
  });

  /** The answer becomes the base; what was drawn meanwhile stays and is saved next. */
  const take = useCallback(
    (of: string, next: KeptRead) => {
      adopted.current = { list: next.mine, ids: next.mine.measures.map((one) => one.id) };
      set(of, next);
      setBase({ study: of, list: next.mine });
      setTrouble(null);
    },
    [set],
  );
  const save = useCallback(async (): Promise<number | null> => {
    const now = latest.current;
    if (now.study === null || now.list === null || now.rival !== null) return null;
    if (!now.dirty) return now.list.version;
    setBusy(true);
    try {
      const next = await api.send<KeptRead>('PUT', pathOf(now.study), saveOf(now.list.version, now.mine));
      take(now.study, next);
      return next.mine.version;
    } catch (why) {
      setTrouble((old) => ({ why, round: (old?.round ?? 0) + 1, of: now.mine }));
      if (!(why instanceof ServerRefused) || why.said.code !== ELSEWHERE) return null;
      const there = await api.get<KeptRead>(pathOf(now.study)).catch(() => null);
      // An answer that was lost on its way: what the server has is what was sent.
      if (there !== null && isKept(now.mine, there.mine.measures)) take(now.study, there);
      else if (there !== null) setRival(there.mine);
      return null;
    } finally {
      setBusy(false);
    }
  }, [api, take]);

  useAutosave({ due: dirty && !busy && rival === null && !isSettled(trouble, mine), mine, failures: trouble?.round ?? 0, reachable, save });
  useLeaving(dirty);
  // Leaving the study saves at once; what it drew is no longer on the page.
  useEffect(() => {
    if (study === null) return;
    return () => {
      const now = latest.current;
      if (now.dirty && now.list !== null && now.rival === null) keepTrying(api, pathOf(study), saveOf(now.list.version, now.mine));
      step({ step: 'adopt', measures: [], gone: now.mine.map((one) => one.id) });
      adopted.current = null;
      setRival(null);
      setTrouble(null);
    };
  }, [api, study, step]);

  const choose = useCallback(
    (choice: Choice) => {
      const { rival: theirs, mine: ours, study: of } = latest.current;
      if (theirs === null || of === null) return;
      const wanted: readonly Measure[] = choice === 'both' ? bothOf(ours, theirs.measures, freshId) : choice === 'mine' ? ours : theirs.measures.map(measureOf);
      adopted.current = { list: theirs, ids: theirs.measures.map((one) => one.id) };
      step({ step: 'adopt', measures: wanted, gone: ours.map((one) => one.id) });
      setBase({ study: of, list: theirs });
      setRival(null);
      setTrouble(null);
    },
    [step],
  );
  const { send, sendTrouble } = useSending(study, save, set);
  const saving = savingOf(list, { rival: rival !== null, busy, dirty }, trouble);
  return { read, mine, known, saving, rival, may, choose, send, save, sendTrouble };
}

export type KeptState = ReturnType<typeof useKept>;
