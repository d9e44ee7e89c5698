/**
 * What a reader draws on a picture, as data in image coordinates (column, row; pixel centres whole), and the hand that
 * draws it as a reducer with undo. Pure: ids are arguments, numbers are in `readings.ts`.
 */
import type { Painted } from './cornerstone';

export type Point = [number, number];
export const MEASURE_KINDS = ['length', 'angle', 'probe', 'bidirectional', 'ellipse', 'rectangle', 'contour', 'arrow'] as const;
export type MeasureKind = (typeof MEASURE_KINDS)[number];

export interface Measure {
  id: string;
  /** `<SOP Instance UID>/<frame>`. */
  frame: string;
  kind: MeasureKind;
  /**
   * length, angle (vertex second), probe, arrow (point meant first); bidirectional: both ends of the long axis, then of the
   * short; ellipse and rectangle: two opposite corners; contour: the closed line.
   */
  points: readonly Point[];
  /** A note; arrows have one. */
  text: string;
}

interface Draft {
  id: string;
  frame: string;
  kind: MeasureKind;
  points: readonly Point[];
  pressed: boolean;
}

export interface Drawing {
  /** Finished ones, oldest first. */
  done: readonly Measure[];
  /** What is being drawn. */
  draft: Draft | null;
  /** Which point of which measurement the hand holds; `before` is what undo returns to. */
  held: { id: string; point: number; before: readonly Measure[] } | null;
  selected: string | null;
  past: readonly (readonly Measure[])[];
  future: readonly (readonly Measure[])[];
}

export const NOTHING_DRAWN: Drawing = { done: [], draft: null, held: null, selected: null, past: [], future: [] };

interface Stroke {
  frame: string;
  kind: MeasureKind;
  at: Point;
  /** Name of what may begin here. */
  id: string;
  /** How near, in image pixels, a point is taken hold of. */
  reach: number;
  /** mm between rows over mm between columns: what is square on the patient need not be in pixels. */
  aspect: number;
}

export type DrawStep =
  | ({ step: 'press' | 'move' | 'release' } & Stroke)
  | { step: 'hover'; frame: string; at: Point }
  | { step: 'remove'; frame: string }
  | { step: 'removeOne'; id: string }
  | { step: 'select'; id: string | null }
  | { step: 'text'; id: string; text: string }
  | { step: 'adopt'; measures: readonly Measure[]; gone?: readonly string[] }
  | { step: 'undo' | 'redo' | 'drop' };

const WANTED: Record<MeasureKind, number> = { probe: 1, length: 2, angle: 3, bidirectional: 2, ellipse: 2, rectangle: 2, contour: Infinity, arrow: 2 };
const TOO_SHORT_PX = 1;
const CONTOUR_STEP_PX = 0.75;
const MOST_UNDO = 100;

const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const far = (a: Point | undefined, b: Point | undefined) => a !== undefined && b !== undefined && distance(a, b) >= TOO_SHORT_PX;
const withLast = (points: readonly Point[], at: Point): Point[] => [...points.slice(0, -1), at];

/** The new list as one step that can be undone. */
function changed(drawing: Drawing, done: readonly Measure[], before: readonly Measure[] = drawing.done): Drawing {
  return { ...drawing, done, past: [...drawing.past, before].slice(-MOST_UNDO), future: [] };
}

function kept(drawing: Drawing, measure: Measure): Drawing {
  return { ...changed(drawing, [...drawing.done, measure]), draft: null, selected: measure.id };
}

/** Ends of a line square to `a`–`b` through its middle, `half` times as long; square on the patient, not on the screen. */
function squareTo(a: Point, b: Point, aspect: number, half: number): [Point, Point] {
  const middle: Point = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const [dx, dy] = [b[0] - a[0], (b[1] - a[1]) * aspect];
  const [ox, oy] = [(-dy * half) / 2, (dx * half) / 2 / aspect];
  return [
    [middle[0] + ox, middle[1] + oy],
    [middle[0] - ox, middle[1] - oy],
  ];
}

const SHORT_TO_LONG = 0.6;

/** Move one point; a bidirectional's axes stay square: the long one turns the short, the short one only grows or shifts. */
export function movedPoint(measure: Measure, point: number, at: Point, aspect: number): Measure {
  const points = measure.points.map((old, index) => (index === point ? at : old));
  if (measure.kind !== 'bidirectional') return { ...measure, points };
  const [a, b, c, d] = points as [Point, Point, Point, Point];
  const lengthOf = (p: Point, q: Point) => Math.hypot(q[0] - p[0], (q[1] - p[1]) * aspect);
  if (point < 2) {
    const [oldA, oldB] = measure.points as [Point, Point];
    const ratio = lengthOf(c, d) / Math.max(lengthOf(oldA, oldB), 1e-6);
    return { ...measure, points: [a, b, ...squareTo(a, b, aspect, ratio)] };
  }
  // The short axis goes through the foot of the held point on the long one; each end keeps its own side.
  const [ux, uy] = [b[0] - a[0], (b[1] - a[1]) * aspect];
  const long = Math.max(Math.hypot(ux, uy), 1e-6);
  const along = Math.min(1, Math.max(0, ((at[0] - a[0]) * ux + (at[1] - a[1]) * aspect * uy) / (long * long)));
  const sideOf = (p: Point) => ((p[1] - a[1]) * aspect * ux - (p[0] - a[0]) * uy) / long;
  const onAxis: Point = [a[0] + (b[0] - a[0]) * along, a[1] + (b[1] - a[1]) * along];
  const ended = (side: number): Point => [onAxis[0] - (side * uy) / long, onAxis[1] + (side * ux) / long / aspect];
  return { ...measure, points: [a, b, ended(sideOf(c)), ended(sideOf(d))] };
}

/** The nearest handle within reach on this frame; contours are moved by nobody, only removed. */
function handleAt(drawing: Drawing, { frame, at, reach }: Stroke): { id: string; point: number } | null {
  let best: { id: string; point: number } | null = null;
  let nearest = reach;
  for (const measure of drawing.done) {
    if (measure.frame !== frame || measure.kind === 'contour') continue;
    measure.points.forEach((point, index) => {
      const away = distance(point, at);
      if (away <= nearest) [best, nearest] = [{ id: measure.id, point: index }, away];
    });
  }
  return best;
}

function press(drawing: Drawing, stroke: Stroke): Drawing {
  const { frame, kind, at, id } = stroke;
  const { draft } = drawing;
  if (draft !== null && draft.kind === kind && draft.frame === frame) return { ...drawing, draft: { ...draft, points: withLast(draft.points, at), pressed: true } };
  const handle = handleAt(drawing, stroke);
  if (handle !== null) return { ...drawing, draft: null, selected: handle.id, held: { ...handle, before: drawing.done } };
  if (kind === 'probe') return kept(drawing, { id, frame, kind, points: [at], text: '' });
  return { ...drawing, selected: null, draft: { id, frame, kind, points: kind === 'contour' ? [at] : [at, at], pressed: true } };
}

function moveHeld(drawing: Drawing, { at, aspect, frame }: Stroke): Drawing {
  const { held } = drawing;
  if (held === null) return drawing;
  return { ...drawing, done: drawing.done.map((one) => (one.id === held.id && one.frame === frame ? movedPoint(one, held.point, at, aspect) : one)) };
}

/** The end that is not yet fixed follows: under a pressed button by `move`, without one by `hover`. */
function follow(drawing: Drawing, frame: string, at: Point, isPressed: boolean): Drawing {
  const { draft } = drawing;
  if (draft === null || draft.pressed !== isPressed || draft.frame !== frame) return drawing;
  if (draft.kind !== 'contour') return { ...drawing, draft: { ...draft, points: withLast(draft.points, at) } };
  const last = draft.points.at(-1);
  const near = last !== undefined && distance(last, at) < CONTOUR_STEP_PX;
  return near ? drawing : { ...drawing, draft: { ...draft, points: [...draft.points, at] } };
}

function release(drawing: Drawing, stroke: Stroke): Drawing {
  const { frame, at, aspect } = stroke;
  if (drawing.held !== null) {
    const { before } = drawing.held;
    const moved = moveHeld(drawing, stroke);
    const still = { ...moved, held: null };
    return JSON.stringify(moved.done) === JSON.stringify(before) ? still : changed(still, moved.done, before);
  }
  const { draft } = drawing;
  if (draft === null || draft.frame !== frame) return { ...drawing, draft: null };
  const { id, kind } = draft;
  if (kind === 'contour') {
    const closed = draft.points.length >= 3 && spread(draft.points) >= TOO_SHORT_PX;
    return closed ? kept(drawing, { id, frame, kind, points: draft.points, text: '' }) : { ...drawing, draft: null };
  }
  const points = withLast(draft.points, at);
  const [a, b] = points.slice(-2);
  if (a === undefined || b === undefined || !far(a, b)) return { ...drawing, draft: null };
  if (points.length < WANTED[kind]) return { ...drawing, draft: { ...draft, points: [...points, at], pressed: false } };
  const whole = kind === 'bidirectional' ? [a, b, ...squareTo(a, b, aspect, SHORT_TO_LONG)] : points;
  return kept(drawing, { id, frame, kind, points: whole, text: '' });
}

function spread(points: readonly Point[]): number {
  const of = (axis: 0 | 1) => points.map((point) => point[axis]);
  return Math.min(Math.max(...of(0)) - Math.min(...of(0)), Math.max(...of(1)) - Math.min(...of(1)));
}

function undo(drawing: Drawing): Drawing {
  if (drawing.draft !== null) return { ...drawing, draft: null };
  const before = drawing.past.at(-1);
  if (before === undefined) return drawing;
  return { ...drawing, done: before, past: drawing.past.slice(0, -1), future: [drawing.done, ...drawing.future], selected: null, held: null };
}

function redo(drawing: Drawing): Drawing {
  const [next, ...rest] = drawing.future;
  if (next === undefined) return drawing;
  return { ...drawing, done: next, past: [...drawing.past, drawing.done], future: rest, selected: null, draft: null, held: null };
}

/** The selected one of this frame, else the last drawn on it. */
function remove(drawing: Drawing, frame: string): Drawing {
  if (drawing.draft !== null) return { ...drawing, draft: null };
  const here = drawing.done.filter((one) => one.frame === frame);
  const gone = here.find((one) => one.id === drawing.selected) ?? here.at(-1);
  if (gone === undefined) return drawing;
  return { ...changed(drawing, drawing.done.filter((one) => one !== gone)), selected: null };
}

/** What was kept joins every state that undo and redo may return to: it is no step of this hand. */
function adopted(drawing: Drawing, measures: readonly Measure[], replaced: ReadonlySet<string>): Drawing {
  const join = (list: readonly Measure[]) => [...measures, ...list.filter((one) => !replaced.has(one.id))];
  const held = drawing.held === null ? null : { ...drawing.held, before: join(drawing.held.before) };
  return { ...drawing, done: join(drawing.done), held, past: drawing.past.map(join), future: drawing.future.map(join) };
}

/** One movement of the hand. A length is one drag; an angle is a drag and a third point; a press on a handle moves it. */
export function draw(drawing: Drawing, step: DrawStep): Drawing {
  switch (step.step) {
    case 'press':
      return press(drawing, step);
    case 'move':
      return drawing.held === null ? follow(drawing, step.frame, step.at, true) : moveHeld(drawing, step);
    case 'release':
      return release(drawing, step);
    case 'hover':
      return follow(drawing, step.frame, step.at, false);
    case 'remove':
      return remove(drawing, step.frame);
    case 'removeOne':
      return { ...changed(drawing, drawing.done.filter((one) => one.id !== step.id)), selected: null };
    case 'select':
      return { ...drawing, selected: step.id };
    case 'text':
      return changed(drawing, drawing.done.map((one) => (one.id === step.id ? { ...one, text: step.text } : one)));
    case 'adopt':
      return adopted(drawing, step.measures, new Set([...(step.gone ?? []), ...step.measures.map((one) => one.id)]));
    case 'undo':
      return undo(drawing);
    case 'redo':
      return redo(drawing);
    case 'drop':
      return drawing.draft === null ? drawing : { ...drawing, draft: null };
  }
}

/** A place of the pane in image coordinates. */
export function toImage(matrix: Painted['matrix'], [x, y]: Point): Point {
  const [a, b, c, d, e, f] = matrix;
  const det = a * d - b * c;
  return [(d * (x - e) - c * (y - f)) / det, (a * (y - f) - b * (x - e)) / det];
}

export function toPane(matrix: Painted['matrix'], [x, y]: Point): Point {
  const [a, b, c, d, e, f] = matrix;
  return [a * x + c * y + e, b * x + d * y + f];
}
