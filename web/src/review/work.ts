/**
 * A review being made: lesions with their outlines and decisions, as data. Pure; every edit is a step, and steps can be
 * taken back. What the AI said is never changed here: `known` keeps it, the work is a copy.
 */
import type { Lesion } from '../api/types';
import { areaOf, intersect, pieces, union, type Shape } from './outline';
import type { Decision, WireOutlines } from './types';

export type Frames = Readonly<Record<string, Shape>>;

export interface Item {
  id: number;
  kind: string;
  location: string;
  frames: Frames;
  /** Drawn by a person since the review began. */
  drawn: boolean;
  /** null while undecided. */
  decision: Decision | null;
  reason: string;
  note: string;
  /** Lesions that it was made of. */
  from: readonly number[];
}

export interface Answer {
  decision: 'agree' | 'disagree';
  reason: string;
  note: string;
}

export interface Work {
  /** Version that it is made on, "" for the AI's own result; and which result of the AI. */
  parent: string;
  result: number;
  items: readonly Item[];
  answers: Readonly<Record<string, Answer>>;
  /** Why the AI's result as a whole is rejected; "" where it is not. */
  rejected: string;
}

export interface History {
  past: readonly Work[];
  present: Work;
  future: readonly Work[];
}

const MOST_STEPS = 60;

/** The AI's lesions, or those of a version, not yet judged. */
export function begun(parent: string, result: number, lesions: readonly Lesion[], shapes: ReadonlyMap<number, Frames>): Work {
  const items = lesions.map((lesion): Item => ({ id: lesion.id, kind: lesion.kind, location: lesion.location, frames: shapes.get(lesion.id) ?? {}, drawn: false, decision: null, reason: '', note: '', from: [] }));
  return { parent, result, items, answers: {}, rejected: '' };
}

export const historyOf = (present: Work): History => ({ past: [], present, future: [] });
export const did = (history: History, next: Work): History => (next === history.present ? history : { past: [...history.past, history.present].slice(-MOST_STEPS), present: next, future: [] });

export function undone({ past, present, future }: History): History {
  const last = past.at(-1);
  return last === undefined ? { past, present, future } : { past: past.slice(0, -1), present: last, future: [present, ...future] };
}

export function redone({ past, present, future }: History): History {
  const [next] = future;
  return next === undefined ? { past, present, future } : { past: [...past, present], present: next, future: future.slice(1) };
}

export const itemOf = (work: Work, id: number | null): Item | undefined => work.items.find((item) => item.id === id);
const put = (work: Work, id: number, change: Partial<Item>): Work => ({ ...work, items: work.items.map((item) => (item.id === id ? { ...item, ...change } : item)) });
const isAdded = (item: Item) => item.decision === 'added';
/** What an edit makes of a decision: an added lesion stays added, any other is changed. */
const edited = (item: Item): Pick<Item, 'drawn' | 'decision' | 'reason'> => ({ drawn: true, decision: isAdded(item) ? 'added' : 'changed', reason: '' });

function without(frames: Frames, frame: string): Frames {
  return Object.fromEntries(Object.entries(frames).filter(([key]) => key !== frame));
}

/** The lesion's outline on one frame is this from now on; an empty one takes it away. */
export function drawn(work: Work, id: number, frame: string, shape: Shape): Work {
  const item = itemOf(work, id);
  if (item === undefined) return work;
  return put(work, id, { ...edited(item), frames: shape.length === 0 ? without(item.frames, frame) : { ...item.frames, [frame]: shape } });
}

/** Outlines of several frames at once (between two drawn ones, for example). */
export function filledIn(work: Work, id: number, found: Frames): Work {
  const item = itemOf(work, id);
  return item === undefined || Object.keys(found).length === 0 ? work : put(work, id, { ...edited(item), frames: { ...item.frames, ...found } });
}

/** Accepted as it stands: what was drawn stays, and is a change. */
export function accepted(work: Work, id: number): Work {
  const item = itemOf(work, id);
  if (item === undefined || isAdded(item)) return work;
  return put(work, id, { decision: item.drawn ? 'changed' : 'accepted', reason: '', note: '' });
}

export function rejected(work: Work, id: number, reason: string, note = ''): Work {
  const item = itemOf(work, id);
  if (item === undefined) return work;
  // What this review added itself just goes; nobody else ever saw it.
  return isAdded(item) ? { ...work, items: work.items.filter((one) => one.id !== id) } : put(work, id, { decision: 'rejected', reason, note });
}

/** Everything that is undecided stands. */
export const acceptedRest = (work: Work): Work => work.items.filter((item) => item.decision === null).reduce((all, item) => accepted(all, item.id), work);

export function described(work: Work, id: number, kind: string, location: string): Work {
  const item = itemOf(work, id);
  if (item === undefined || (item.kind === kind && item.location === location)) return work;
  return put(work, id, { kind, location, decision: isAdded(item) ? 'added' : 'changed', drawn: true, reason: '' });
}

const nextId = (work: Work) => Math.max(0, ...work.items.map((item) => item.id)) + 1;

/** A lesion that the AI did not have; its outline comes next. */
export function added(work: Work, kind: string, location: string, frames: Frames = {}, from: readonly number[] = []): { work: Work; id: number } {
  const id = nextId(work);
  return { id, work: { ...work, items: [...work.items, { id, kind, location, frames, drawn: true, decision: 'added', reason: '', note: '', from }] } };
}

/** All of one lesion's outlines and another's are one lesion's; the other is taken out with its reason. */
export function merged(work: Work, into: number, other: number): Work {
  const [a, b] = [itemOf(work, into), itemOf(work, other)];
  if (a === undefined || b === undefined || into === other) return work;
  const frames: Record<string, Shape> = { ...a.frames };
  for (const [frame, shape] of Object.entries(b.frames)) frames[frame] = frames[frame] === undefined ? shape : union(frames[frame], shape);
  return rejected(put(work, into, { ...edited(a), frames, from: [...a.from, other] }), other, 'merged');
}

/** The lesion on one frame becomes two: `kept` stays, `taken` is a new one of the same kind. */
export function split(work: Work, id: number, frame: string, kept: Shape, taken: Shape): Work {
  const item = itemOf(work, id);
  if (item === undefined) return work;
  return added(drawn(work, id, frame, kept), item.kind, item.location, { [frame]: taken }, [id]).work;
}

/**
 * Separate bodies of a lesion: pieces that touch on one frame or overlap on neighbouring ones belong together. `order` is
 * the frames in their order. The largest body keeps the number; the others are new lesions.
 */
export function separated(work: Work, id: number, order: readonly string[]): Work {
  const item = itemOf(work, id);
  if (item === undefined) return work;
  const parts = order.flatMap((frame, at) => pieces(item.frames[frame] ?? []).map((shape) => ({ frame, at, shape, body: -1 })));
  parts.forEach((part, index) => {
    const touching = parts.slice(0, index).filter((other) => other.at === part.at - 1 && areaOf(intersect(other.shape, part.shape)) > 0);
    const bodies = new Set(touching.map((other) => other.body));
    part.body = Math.min(index, ...bodies);
    for (const other of parts) if (bodies.has(other.body)) other.body = part.body;
  });
  const volume = (body: number) => parts.filter((part) => part.body === body).reduce((sum, part) => sum + areaOf(part.shape), 0);
  const bodies = [...new Set(parts.map((part) => part.body))].sort((a, b) => volume(b) - volume(a));
  if (bodies.length < 2) return work;
  const framesOf = (body: number): Frames => {
    const found: Record<string, Shape> = {};
    for (const part of parts) if (part.body === body) found[part.frame] = [...(found[part.frame] ?? []), ...part.shape];
    return found;
  };
  const [first, ...rest] = bodies;
  const kept = put(work, id, { ...edited(item), frames: framesOf(first ?? 0) });
  return rest.reduce((all, body) => added(all, item.kind, item.location, framesOf(body), [id]).work, kept);
}

export const answered = (work: Work, code: string, answer: Answer): Work => ({ ...work, answers: { ...work.answers, [code]: answer } });

/** The AI's result as a whole is rejected for this reason; "" takes that back. */
export const wholeRejected = (work: Work, reason: string): Work => ({ ...work, rejected: reason });

export function countsOf(work: Work): Record<Decision | 'undecided', number> {
  const of = (decision: Decision | null) => work.items.filter((item) => item.decision === decision).length;
  return { accepted: of('accepted'), changed: of('changed'), rejected: of('rejected'), added: of('added'), undecided: of(null) };
}

/** Lesions without an outline anywhere cannot be submitted, nor those without a decision. */
export const unfinished = (work: Work): number[] => work.rejected !== '' ? [] : work.items.filter((item) => item.decision === null || (item.drawn && item.decision !== 'rejected' && Object.keys(item.frames).length === 0)).map((item) => item.id);

export const outlinesOf = (frames: Frames): WireOutlines => Object.fromEntries(Object.entries(frames).map(([frame, shape]) => [frame, [...shape]]));

/** The body of a submission. */
export function submissionOf(work: Work, supersedes: readonly string[]) {
  return {
    result: work.result,
    parent: work.parent,
    supersedes,
    rejected: work.rejected !== '',
    reason: work.rejected,
    lesions: (work.rejected !== '' ? [] : work.items).map((item) => ({
      id: item.id, decision: item.decision, reason: item.reason, note: item.note, kind: item.kind, location: item.location, origin: item.from,
      outlines: item.drawn && item.decision !== 'rejected' ? outlinesOf(item.frames) : null,
    })),
    predictions: Object.entries(work.answers).map(([code, answer]) => ({ code, ...answer })),
  };
}

/** A draft as it came back; null where it is none of ours (an older page's). */
export function restored(body: unknown): Work | null {
  const work = body as Partial<Work> | null;
  const sound = typeof work === 'object' && work !== null && typeof work.parent === 'string' && typeof work.result === 'number' && Array.isArray(work.items) && typeof work.answers === 'object';
  return sound ? ({ ...work, rejected: work.rejected ?? '' } as Work) : null;
}
