/** The hand of the editing tools: what a stroke is while it lasts, and what it leaves behind. Pure. */
import type { Stroke } from '../viewer/interaction';
import type { Point } from '../viewer/measure';
import { tidy, type Shape } from './outline';
import { brushed, cut, drawnTo, erased, sculpted, spline } from './outlineTools';

export const EDIT_TOOLS = ['brush', 'eraser', 'freehand', 'spline', 'sculpt', 'cut'] as const;
export type EditTool = (typeof EDIT_TOOLS)[number];

export interface Trace {
  frame: string;
  points: readonly Point[];
  /** The outline as it would be: sculpting shows it while it lasts. */
  shape: Shape | null;
  pressed: boolean;
}

export interface Place {
  frame: string;
  at: Point;
  scale: number;
}

export interface Outcome {
  trace: Trace | null;
  /** The lesion's outline on the frame from now on. */
  shape?: Shape;
  /** What a cut takes off. */
  taken?: Shape;
}

/** A spline is closed by a click this near to its first point, CSS pixels. */
const CLOSE_PX = 9;
const STEP_PX = 0.4;
const away = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);

function splineStep(trace: Trace | null, stroke: Stroke, { frame, at, scale }: Place, shape: Shape): Outcome {
  if (stroke !== 'press') return { trace };
  const points = trace?.frame === frame ? trace.points : [];
  const [first] = points;
  if (first !== undefined && points.length > 2 && away(first, at) * scale < CLOSE_PX) return { trace: null, shape: drawnTo(shape, spline(points), false) };
  return { trace: { frame, points: [...points, at], shape: null, pressed: true } };
}

function ended(tool: EditTool, points: readonly Point[], shape: Shape, radius: number): Outcome {
  switch (tool) {
    case 'brush':
      return { trace: null, shape: brushed(shape, points, radius) };
    case 'eraser':
      return { trace: null, shape: erased(shape, points, radius) };
    case 'freehand':
      return points.length < 3 ? { trace: null } : { trace: null, shape: drawnTo(shape, points, false) };
    case 'cut': {
      const [a, b] = [points[0], points.at(-1)];
      const parts = a === undefined || b === undefined ? null : cut(tidy(shape), a, b);
      return parts === null ? { trace: null } : { trace: null, shape: parts[0], taken: parts[1] };
    }
    default:
      return { trace: null };
  }
}

/** One movement of the hand over a lesion's outline on a frame. */
export function traced(tool: EditTool, trace: Trace | null, stroke: Stroke, place: Place, shape: Shape, radius: number): Outcome {
  if (tool === 'spline') return splineStep(trace, stroke, place, shape);
  const { frame, at } = place;
  if (stroke === 'press') return { trace: { frame, points: [at], shape: tool === 'sculpt' ? tidy(shape) : null, pressed: true } };
  if (trace?.frame !== frame || !trace.pressed) return { trace: null };
  const last = trace.points.at(-1) ?? at;
  if (stroke === 'release') {
    if (tool === 'sculpt') return trace.shape === null || trace.points.length < 2 ? { trace: null } : { trace: null, shape: trace.shape };
    return ended(tool, [...trace.points, at], shape, radius);
  }
  if (away(last, at) < STEP_PX) return { trace };
  const pushed = tool === 'sculpt' && trace.shape !== null ? sculpted(trace.shape, last, at, radius) : null;
  return { trace: { ...trace, points: [...trace.points, at], shape: pushed } };
}
