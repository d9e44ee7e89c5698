/** Length, angle and probe as data in image coordinates (column, row; pixel centres whole). Pure. */
import type { Painted } from './cornerstone';
import type { Frame } from './frames';

export type Point = [number, number];
export type MeasureKind = 'length' | 'angle' | 'probe';

export interface Measure {
  kind: MeasureKind;
  points: Point[];
  /** Modality value at a probe; null elsewhere. */
  value: number | null;
}

export interface Drawing {
  /** Finished ones, by the frame's key. */
  done: Readonly<Record<string, readonly Measure[]>>;
  /** What is being drawn, on which frame. */
  draft: { frame: string; kind: MeasureKind; points: Point[]; pressed: boolean } | null;
}

export const NOTHING_DRAWN: Drawing = { done: {}, draft: null };

export type DrawStep =
  | { step: 'press' | 'move' | 'release'; frame: string; kind: MeasureKind; at: Point; value: number | null }
  | { step: 'hover'; frame: string; at: Point }
  | { step: 'undo'; frame: string }
  | { step: 'drop' };

const WANTED: Record<MeasureKind, number> = { probe: 1, length: 2, angle: 3 };
const TOO_SHORT_PX = 1;

function kept(drawing: Drawing, frame: string, measure: Measure): Drawing {
  return { done: { ...drawing.done, [frame]: [...(drawing.done[frame] ?? []), measure] }, draft: null };
}

const far = (a: Point | undefined, b: Point | undefined) => a !== undefined && b !== undefined && Math.hypot(a[0] - b[0], a[1] - b[1]) >= TOO_SHORT_PX;

type Stroke = Extract<DrawStep, { step: 'press' | 'move' | 'release' }>;

const withLast = (points: Point[], at: Point): Point[] => [...points.slice(0, -1), at];

function press(drawing: Drawing, { frame, kind, at, value }: Stroke): Drawing {
  if (kind === 'probe') return kept(drawing, frame, { kind, points: [at], value });
  const { draft } = drawing;
  const goesOn = draft !== null && draft.kind === kind && draft.frame === frame;
  return { ...drawing, draft: goesOn ? { ...draft, points: withLast(draft.points, at), pressed: true } : { frame, kind, points: [at, at], pressed: true } };
}

function release(drawing: Drawing, { frame, at }: Stroke): Drawing {
  const { draft } = drawing;
  if (draft === null || draft.frame !== frame) return { ...drawing, draft: null };
  const points = withLast(draft.points, at);
  if (!far(points.at(-2), points.at(-1))) return { ...drawing, draft: null };
  if (points.length >= WANTED[draft.kind]) return kept(drawing, frame, { kind: draft.kind, points, value: null });
  return { ...drawing, draft: { ...draft, points: [...points, at], pressed: false } };
}

/** The end that is not yet fixed follows: under a pressed button by `move`, without one by `hover`. */
function follow(drawing: Drawing, frame: string, at: Point, pressed: boolean): Drawing {
  const { draft } = drawing;
  if (draft === null || draft.pressed !== pressed || draft.frame !== frame) return drawing;
  return { ...drawing, draft: { ...draft, points: withLast(draft.points, at) } };
}

function undo(drawing: Drawing, frame: string): Drawing {
  if (drawing.draft !== null) return { ...drawing, draft: null };
  return { ...drawing, done: { ...drawing.done, [frame]: (drawing.done[frame] ?? []).slice(0, -1) } };
}

/** One movement of the hand. A length is one drag; an angle is a drag and a third point. */
export function draw(drawing: Drawing, step: DrawStep): Drawing {
  switch (step.step) {
    case 'press':
      return press(drawing, step);
    case 'move':
      return follow(drawing, step.frame, step.at, true);
    case 'release':
      return release(drawing, step);
    case 'hover':
      return follow(drawing, step.frame, step.at, false);
    case 'undo':
      return undo(drawing, step.frame);
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

export interface Reading {
  number: number;
  /** `mm` in the patient, `mm-detector` where only the detector's spacing is known, `px` without any. */
  unit: 'mm' | 'mm-detector' | 'px' | 'deg';
}

/** Spacing is (between rows, between columns) in mm: a step down counts the first, a step right the second. */
export function lengthOf([a, b]: readonly Point[], frame: Pick<Frame, 'spacingMm' | 'spacingOf'>): Reading {
  if (a === undefined || b === undefined) return { number: 0, unit: 'px' };
  const [down, right] = frame.spacingMm ?? [1, 1];
  const number = Math.hypot((b[0] - a[0]) * right, (b[1] - a[1]) * down);
  return { number, unit: frame.spacingMm === null ? 'px' : frame.spacingOf === 'detector' ? 'mm-detector' : 'mm' };
}

/** Angle at the second point, degrees 0…180, measured in mm so that oblong pixels do not bend it. */
export function angleOf([a, vertex, c]: readonly Point[], frame: Pick<Frame, 'spacingMm'>): Reading {
  if (a === undefined || vertex === undefined || c === undefined) return { number: 0, unit: 'deg' };
  const [down, right] = frame.spacingMm ?? [1, 1];
  const [ux, uy] = [(a[0] - vertex[0]) * right, (a[1] - vertex[1]) * down];
  const [vx, vy] = [(c[0] - vertex[0]) * right, (c[1] - vertex[1]) * down];
  const angle = Math.atan2(Math.abs(ux * vy - uy * vx), ux * vx + uy * vy);
  return { number: (angle * 180) / Math.PI, unit: 'deg' };
}
