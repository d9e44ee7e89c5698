/** A review on the page: its work, its draft at the server, the numbers of what is drawn, its submission. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { ServerRefused, type Api } from '../api/client';
import type { Lesion, Outlines, Study } from '../api/types';
import { useSession } from '../app/session';
import { useRead } from '../ui/useRead';
import type { EditStroke } from '../viewer/useDrawing';
import type { Point } from '../viewer/measure';
import { traced, type EditTool, type Trace } from './hand';
import { shapesOf } from './outline';
import type { ReviewRead, Version, WireOutlines } from './types';
import { begun, did, drawn, filledIn, historyOf, itemOf, outlinesOf, redone, restored, split, submissionOf, undone, type Frames, type History, type Work } from './work';

const SAVE_MS = 3000;
const LOOK_MS = 10_000;
const MEASURE_MS = 120;
const RADII = [1, 1.5, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 26, 34];

export interface Numbers {
  /** null until measured. */
  lesion: Lesion | null;
  state: 'busy' | 'done' | 'failed';
  why: unknown;
}

export interface DraftState {
  state: 'none' | 'waiting' | 'saved' | 'failed';
  at: string | null;
  why: unknown;
}

export interface Sent {
  version: number;
  at: string;
  counts: Version['counts'];
}

const NO_NUMBERS: ReadonlyMap<number, Numbers> = new Map();
const NO_DRAFT: DraftState = { state: 'none', at: null, why: null };

/** Numbers of drawn lesions, asked for after every edit; an answer to an earlier outline is not taken. */
function useMeasuring(base: string, work: Work | null) {
  const { api } = useSession();
  const [numbers, setNumbers] = useState(NO_NUMBERS);
  const asked = useRef(new Map<number, { frames: Frames; kind: string; location: string }>());
  const keep = useCallback((id: number, change: Partial<Numbers>) => setNumbers((old) => new Map(old).set(id, { lesion: null, state: 'busy', why: null, ...old.get(id), ...change })), []);
  useEffect(() => {
    if (work === null) return;
    const wanted = work.items.filter((item) => item.drawn && item.decision !== 'rejected' && Object.keys(item.frames).length > 0);
    const news = wanted.filter((item) => {
      const known = asked.current.get(item.id);
      return known === undefined || known.frames !== item.frames || known.kind !== item.kind || known.location !== item.location;
    });
    if (news.length === 0) return;
    const timer = window.setTimeout(() => {
      for (const item of news) {
        asked.current.set(item.id, item);
        keep(item.id, { state: 'busy' });
        const still = () => asked.current.get(item.id) === item;
        api.send<{ lesion: Lesion }>('POST', `${base}/review/measure`, { parent: work.parent, id: item.id, kind: item.kind, location: item.location, outlines: outlinesOf(item.frames) }).then(
          ({ lesion }) => still() && keep(item.id, { lesion, state: 'done', why: null }),
          (why: unknown) => still() && keep(item.id, { state: 'failed', why }),
        );
      }
    }, MEASURE_MS);
    return () => window.clearTimeout(timer);
  }, [api, base, work, keep]);
  return numbers;
}

/** Saves the work every few seconds while it changes; says when, and says loudly when it could not. */
function useAutosave(base: string, work: Work | null, first: number) {
  const { api } = useSession();
  const [draft, setDraft] = useState<DraftState>(NO_DRAFT);
  const saved = useRef<{ work: Work | null; version: number }>({ work: null, version: first });
  const [round, setRound] = useState(0);
  const reset = useCallback((known: Work | null, version: number, at: string | null) => {
    saved.current = { work: known, version };
    setDraft({ state: at === null ? 'none' : 'saved', at, why: null });
  }, []);
  useEffect(() => {
    if (work === null || work === saved.current.work) return;
    const timer = window.setTimeout(() => {
      setDraft((old) => ({ ...old, state: 'waiting' }));
      api.send<{ version: number; at: string }>('PUT', `${base}/review/draft`, { version: saved.current.version, parent: work.parent, body: work }).then(
        ({ version, at }) => {
          saved.current = { work, version };
          setDraft({ state: 'saved', at, why: null });
        },
        (why: unknown) => {
          setDraft((old) => ({ ...old, state: 'failed', why }));
          setRound((old) => old + 1);
        },
      );
    }, SAVE_MS);
    return () => window.clearTimeout(timer);
  }, [api, base, work, round]);
  return { draft, reset };
}

/** The draft that was left, if it speaks of the AI's present result. */
function leftBehind(now: ReviewRead): Work | null {
  const left = now.draft === null ? null : restored(now.draft.body);
  return left !== null && left.result === now.result ? left : null;
}

/** A copy of the version that rules, else of the AI's own result. */
async function freshWork(api: Api, base: string, now: ReviewRead, study: Study, outlines: Outlines | null): Promise<Work> {
  const ruling = now.versions.find((version) => version.current);
  if (ruling === undefined || ruling.lesions.length === 0) return begun(ruling?.id ?? '', now.result, study.analysis?.lesions ?? [], shapesOf(outlines?.lines ?? {}));
  const { lines } = await api.get<Outlines>(`${base}/review/${ruling.id}/outlines`);
  const standing = ruling.lesions.flatMap((one) => (one.decision === 'rejected' || one.lesion === null ? [] : [one.lesion]));
  return begun(ruling.id, now.result, standing, shapesOf(lines));
}

export interface ReviewOf {
  study: Study;
  /** Keys of the frames of the analysed series, in order. */
  order: readonly string[];
  outlines: Outlines | null;
  selected: number | null;
}

export function useReview({ study, order, outlines, selected }: ReviewOf) {
  const { api, may } = useSession();
  const base = `/api/studies/${encodeURIComponent(study.row.study)}`;
  const [editing, setEditing] = useState(false);
  const ready = study.row.ai === 'ok' && study.analysis !== null;
  const read = useRead<ReviewRead>(`${base}/review`, editing ? LOOK_MS : null, study.history.length);
  const [history, setHistory] = useState<History | null>(null);
  const [tool, setTool] = useState<EditTool>('brush');
  const [size, setSize] = useState(5);
  const [trace, setTrace] = useState<Trace | null>(null);
  const [cursor, setCursor] = useState<{ frame: string; at: Point } | null>(null);
  const [sent, setSent] = useState<Sent | null>(null);
  const [trouble, setTrouble] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const work = history?.present ?? null;
  const numbers = useMeasuring(base, editing ? work : null);
  const { draft, reset } = useAutosave(base, editing ? work : null, 0);
  const head = read.data?.versions.find((version) => version.current) ?? null;
  const radius = RADII[size] ?? 5;

  const change = useCallback((edit: (work: Work) => Work) => setHistory((old) => (old === null ? null : did(old, edit(old.present)))), []);

  /** Edit the version that rules, or go on with the draft that was left. */
  const start = useCallback(async () => {
    if (read.data === null || busy || !may('study.override')) return;
    setBusy(true);
    setTrouble(null);
    try {
      const now = await api.get<ReviewRead>(`${base}/review`);
      const left = leftBehind(now);
      const begin = left ?? (await freshWork(api, base, now, study, outlines));
      reset(begin, now.draft?.version ?? 0, left === null ? null : (now.draft?.at ?? null));
      setHistory(historyOf(begin));
      setSent(null);
      setEditing(true);
    } catch (why) {
      setTrouble(why);
    } finally {
      setBusy(false);
    }
  }, [api, base, busy, may, outlines, read.data, reset, study]);

  const stop = useCallback(() => {
    setEditing(false);
    setTrace(null);
  }, []);

  const discard = useCallback(async () => {
    try {
      await api.send('DELETE', `${base}/review/draft`);
      reset(null, 0, null);
      setHistory(null);
      stop();
      read.reload();
    } catch (why) {
      setTrouble(why);
    }
  }, [api, base, read, reset, stop]);

  const submit = useCallback(
    async (supersedes: readonly string[]) => {
      if (work === null) return;
      setBusy(true);
      setTrouble(null);
      try {
        setSent(await api.send<Sent>('POST', `${base}/review`, submissionOf(work, supersedes)));
        stop();
        reset(null, 0, null);
      } catch (why) {
        setTrouble(why);
      } finally {
        setBusy(false);
        read.reload();
      }
    },
    [api, base, read, reset, stop, work],
  );

  const interpolate = useCallback(async () => {
    const item = work === null ? undefined : itemOf(work, selected);
    if (work === null || item === undefined) return;
    setTrouble(null);
    try {
      const { outlines: found } = await api.send<{ outlines: WireOutlines }>('POST', `${base}/review/interpolate`, { parent: work.parent, outlines: outlinesOf(item.frames) });
      change((old) => filledIn(old, item.id, found));
    } catch (why) {
      setTrouble(why);
    }
  }, [api, base, change, selected, work]);

  const latest = useRef({ work, selected, tool, radius, trace });
  // Before the next key or stroke: an ordinary effect may run only after it.
  useLayoutEffect(() => {
    latest.current = { work, selected, tool, radius, trace };
  });
  const hand = useCallback<EditStroke>(
    (stroke, place) => {
      setCursor({ frame: place.frame, at: place.at });
      const now = latest.current;
      const item = now.work === null ? undefined : itemOf(now.work, now.selected);
      if (stroke === 'hover' || item === undefined || item.decision === 'rejected') return;
      const outcome = traced(now.tool, now.trace, stroke, place, item.frames[place.frame] ?? [], now.radius);
      latest.current = { ...now, trace: outcome.trace };
      setTrace(outcome.trace);
      const { shape, taken } = outcome;
      if (shape !== undefined) change((old) => (taken === undefined ? drawn(old, item.id, place.frame, shape) : split(old, item.id, place.frame, shape, taken)));
    },
    [change],
  );
  const undo = useCallback(() => setHistory((old) => (old === null ? null : undone(old))), []);
  const redo = useCallback(() => setHistory((old) => (old === null ? null : redone(old))), []);
  const choose = useCallback((next: EditTool) => {
    setTrace(null);
    setTool(next);
  }, []);
  const bigger = useCallback((by: 1 | -1) => setSize((old) => Math.min(RADII.length - 1, Math.max(0, old + by))), []);
  /** Somebody's version that came after this work began: both are kept, the person decides. */
  const rival = trouble instanceof ServerRefused && trouble.said.code === 'E5422' ? head : null;
  return useMemo(
    () => ({ mayEdit: ready && may('study.override'), base, read: read.data, reread: read.reload, head, editing, work, history, numbers, draft, sent, trouble, busy, rival, tool, radius, trace, cursor, order, hand, start, stop, discard, submit, interpolate, change, undo, redo, choose, bigger }),
    [ready, may, base, read.data, read.reload, head, editing, work, history, numbers, draft, sent, trouble, busy, rival, tool, radius, trace, cursor, order, hand, start, stop, discard, submit, interpolate, change, undo, redo, choose, bigger],
  );
}

export type ReviewState = ReturnType<typeof useReview>;
