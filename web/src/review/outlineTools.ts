/** What a hand does to an outline: brush, free-hand line, spline, sculpting, cutting. Pure; image coordinates. */
import { Clipper, EndType, JoinType } from 'clipper2-ts';
import type { Point } from '../viewer/measure';
import { filled, fromPaths, intersect, signedArea, simplify, subtract, tidy, toPath, union, type Ring, type Shape } from './outline';

const PER_PIXEL = 100;
/** How far a brush's edge may lie off its circle, pixels. */
const ARC_PX = 0.01;
const SPLINE_STEP_PX = 0.5;
const SCULPT_STEP_PX = 0.75;

/** What a round brush covers on its way, pixels. */
export function swept(path: readonly Point[], radius: number): Shape {
  const line = toPath(path.length === 1 ? [...path, ...path] : path);
  const inflated = Clipper.inflatePaths([line], radius * PER_PIXEL, JoinType.Round, EndType.Round, 2, ARC_PX * PER_PIXEL);
  return tidy(fromPaths(inflated));
}

export const brushed = (shape: Shape, path: readonly Point[], radius: number): Shape => simplify(union(shape, swept(path, radius)));
export const erased = (shape: Shape, path: readonly Point[], radius: number): Shape => simplify(subtract(shape, swept(path, radius)));

/** A closed line drawn by hand is added, or takes the place of what was there. */
export const drawnTo = (shape: Shape, line: Ring, replace: boolean): Shape => simplify(replace ? filled(line) : union(shape, filled(line)));

/** Point between b and c of a centripetal Catmull-Rom curve (Yuksel et al., CAD 43:747, 2011): no loops, no cusps. */
function between(a: Point, b: Point, c: Point, d: Point, part: number): Point {
  const knot = (from: Point, to: Point) => Math.sqrt(Math.hypot(to[0] - from[0], to[1] - from[1])) || 1e-6;
  const t1 = knot(a, b);
  const t2 = t1 + knot(b, c);
  const t3 = t2 + knot(c, d);
  const t = t1 + (t2 - t1) * part;
  const mix = (from: Point, to: Point, low: number, high: number): Point => {
    const share = (t - low) / (high - low);
    return [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
  };
  const [p, q, r] = [mix(a, b, 0, t1), mix(b, c, t1, t2), mix(c, d, t2, t3)];
  return mix(mix(p, q, 0, t2), mix(q, r, t1, t3), t1, t2);
}

/** Closed smooth ring through the clicked points; three at least, else the points themselves. */
export function spline(points: readonly Point[]): Ring {
  const n = points.length;
  if (n < 3) return points;
  const at = (index: number): Point => points[((index % n) + n) % n] ?? [0, 0];
  return points.flatMap((point, index) => {
    const next = at(index + 1);
    const steps = Math.max(2, Math.ceil(Math.hypot(next[0] - point[0], next[1] - point[1]) / SPLINE_STEP_PX));
    return Array.from({ length: steps }, (_, step) => between(at(index - 1), point, next, at(index + 2), step / steps));
  });
}

/** The ring with a point at least every `step` pixels. */
function dense(ring: Ring, step: number): Ring {
  return ring.flatMap((point, index) => {
    const next = ring[(index + 1) % ring.length] ?? point;
    const parts = Math.max(1, Math.ceil(Math.hypot(next[0] - point[0], next[1] - point[1]) / step));
    return Array.from({ length: parts }, (_, k): Point => [point[0] + ((next[0] - point[0]) * k) / parts, point[1] + ((next[1] - point[1]) * k) / parts]);
  });
}

/**
 * Push the line with a round tool that moves from one place to another: what comes under it is moved to its edge, so
 * that the line is pushed from inside or outside and keeps its pieces and holes.
 */
export function sculpted(shape: Shape, from: Point, to: Point, radius: number): Shape {
  const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / (radius / 3)));
  let out: Shape = shape.map((ring) => dense(ring, SCULPT_STEP_PX));
  for (let step = 1; step <= steps; step += 1) {
    const centre: Point = [from[0] + ((to[0] - from[0]) * step) / steps, from[1] + ((to[1] - from[1]) * step) / steps];
    out = out.map((ring) => ring.map((point) => pushed(point, centre, radius)));
  }
  // Positive rings first: a line pushed over itself leaves no hole behind.
  const outer = out.filter((ring) => signedArea(ring) > 0).flatMap(filled);
  const holes = out.filter((ring) => signedArea(ring) < 0).flatMap(filled);
  return simplify(subtract(outer, holes));
}

function pushed(point: Point, centre: Point, radius: number): Point {
  const [dx, dy] = [point[0] - centre[0], point[1] - centre[1]];
  const away = Math.hypot(dx, dy);
  if (away >= radius || away < 1e-9) return point;
  return [centre[0] + (dx / away) * radius, centre[1] + (dy / away) * radius];
}

const FAR_PX = 20000;

/** The shape on each side of a straight line through two places; null where the line misses it or has no length. */
export function cut(shape: Shape, a: Point, b: Point): [Shape, Shape] | null {
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
  if (length < 0.5) return null;
  const [ux, uy] = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
  const [p, q]: [Point, Point] = [
    [a[0] - ux * FAR_PX, a[1] - uy * FAR_PX],
    [a[0] + ux * FAR_PX, a[1] + uy * FAR_PX],
  ];
  const side: Ring = [p, q, [q[0] - uy * FAR_PX, q[1] + ux * FAR_PX], [p[0] - uy * FAR_PX, p[1] + ux * FAR_PX]];
  const parts: [Shape, Shape] = [intersect(shape, [side]), subtract(shape, [side])];
  return parts[0].length === 0 || parts[1].length === 0 ? null : parts;
}
