/**
 * Outlines of one lesion on one frame as polygons with holes, and what adds them up. Pure.
 *
 * A `Shape` is a list of rings; what lies inside an odd number of them is inside (a cavity's inner contour is a ring
 * of its own). Coordinates are (column, row), pixel centres whole, kept to a hundredth of a pixel; the first point is
 * not repeated. Booleans by Clipper2 (A. Johnson, after Vatti, CACM 35:56, 1992) on whole hundredths, so that they
 * cannot fail on rounding.
 */
import { Clipper, FillRule, type Path64, type Paths64 } from 'clipper2-ts';
import type { Point } from '../viewer/measure';

export type Ring = readonly Point[];
export type Shape = readonly Ring[];

export const EMPTY: Shape = [];
const PER_PIXEL = 100;
/** A ring smaller than this is dust of a boolean, not an outline (square pixels). */
const DUST_PX2 = 0.25;
/** So many points a shape may have; more say nothing about a lesion of CT's resolution. */
export const MOST_POINTS = 400;
const FIRST_TOLERANCE_PX = 0.05;

const whole = (value: number) => Math.round(value * PER_PIXEL);
export const toPath = (ring: Ring): Path64 => ring.map(([x, y]) => ({ x: whole(x), y: whole(y) }));
export const toPaths = (shape: Shape): Paths64 => shape.map(toPath);
const fromPath = (path: Path64): Ring => path.map(({ x, y }): Point => [x / PER_PIXEL, y / PER_PIXEL]);
export const fromPaths = (paths: Paths64): Shape => paths.map(fromPath);

/** Twice nothing: positive where the ring runs clockwise on the screen (rows downwards). */
export function signedArea(ring: Ring): number {
  let twice = 0;
  ring.forEach(([x, y], index) => {
    const [u, v] = ring[(index + 1) % ring.length] ?? [x, y];
    twice += x * v - u * y;
  });
  return twice / 2;
}

function tidied(paths: Paths64): Shape {
  return fromPaths(paths).filter((ring) => ring.length > 2 && Math.abs(signedArea(ring)) >= DUST_PX2);
}

/** The same area with rings that neither cross nor touch twice: outer ones of positive, holes of negative area. */
export const tidy = (shape: Shape): Shape => tidied(Clipper.union(toPaths(shape), [], FillRule.EvenOdd));
/** As `tidy`, but a ring that crosses itself counts as filled (a hand that draws a loop means the loop's inside). */
export const filled = (ring: Ring): Shape => tidied(Clipper.union([toPath(ring)], [], FillRule.NonZero));
export const union = (a: Shape, b: Shape): Shape => tidied(Clipper.union(toPaths(a), toPaths(b), FillRule.EvenOdd));
export const subtract = (a: Shape, b: Shape): Shape => tidied(Clipper.difference(toPaths(a), toPaths(b), FillRule.EvenOdd));
export const intersect = (a: Shape, b: Shape): Shape => tidied(Clipper.intersect(toPaths(a), toPaths(b), FillRule.EvenOdd));

/** Area inside, square pixels; holes do not count. */
export const areaOf = (shape: Shape): number => Math.abs(tidy(shape).reduce((sum, ring) => sum + signedArea(ring), 0));

/** Overlap of two shapes, 0 to 1 (Dice, Ecology 26:297, 1945); two empty ones are alike. */
export function dice(a: Shape, b: Shape): number {
  const both = areaOf(a) + areaOf(b);
  return both === 0 ? 1 : (2 * areaOf(intersect(a, b))) / both;
}

function ringHolds(ring: Ring, [x, y]: Point): boolean {
  let inside = false;
  ring.forEach(([ax, ay], index) => {
    const [bx, by] = ring[(index + 1) % ring.length] ?? [ax, ay];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  });
  return inside;
}

/** Is a place inside the shape? */
export const holds = (shape: Shape, at: Point): boolean => shape.filter((ring) => ringHolds(ring, at)).length % 2 === 1;

export const pointsIn = (shape: Shape): number => shape.reduce((sum, ring) => sum + ring.length, 0);

/** Fewer points on (nearly) the same line: at most `MOST_POINTS` (Ramer, 1972; Douglas and Peucker, 1973). */
export function simplify(shape: Shape, most = MOST_POINTS): Shape {
  let out = shape;
  for (let tolerance = FIRST_TOLERANCE_PX; ; tolerance *= 1.6) {
    // A closed ring has no ends to keep: its first point and the one farthest from it stay.
    out = shape.map((ring) => thinned(ring, tolerance)).filter((ring) => ring.length > 2);
    if (pointsIn(out) <= most || tolerance > 16) return out;
  }
}

function thinned(ring: Ring, tolerance: number): Ring {
  const [first] = ring;
  if (first === undefined || ring.length < 5) return ring;
  let far = 0;
  ring.forEach((point, index) => {
    const best = ring[far] ?? first;
    if (Math.hypot(point[0] - first[0], point[1] - first[1]) > Math.hypot(best[0] - first[0], best[1] - first[1])) far = index;
  });
  const half = (part: Ring) => fromPath(Clipper.ramerDouglasPeucker(toPath(part), tolerance * PER_PIXEL));
  return [...half(ring.slice(0, far + 1)).slice(0, -1), ...half([...ring.slice(far), first]).slice(0, -1)];
}

/** The shape's separate pieces, each with its holes, the largest first. */
export function pieces(shape: Shape): Shape[] {
  const rings = tidy(shape);
  const outer = rings.filter((ring) => signedArea(ring) > 0).sort((a, b) => signedArea(b) - signedArea(a));
  const found = outer.map((ring): Ring[] => [ring]);
  for (const hole of rings.filter((ring) => signedArea(ring) < 0)) {
    // Its owner is the smallest outer ring around it.
    for (let index = outer.length - 1; index >= 0; index -= 1) {
      const ring = outer[index];
      if (ring !== undefined && hole.some((point) => ringHolds(ring, point))) {
        found[index]?.push(hole);
        break;
      }
    }
  }
  return found;
}

/** Outlines as the server sends them, by frame and lesion: closing points are dropped. */
export function shapesOf(lines: Readonly<Record<string, readonly { lesion: number; points: readonly Point[] }[]>>): Map<number, Record<string, Shape>> {
  const found = new Map<number, Record<string, Shape>>();
  for (const [frame, drawn] of Object.entries(lines)) {
    for (const { lesion, points } of drawn) {
      const last = points.at(-1);
      const closed = points.length > 1 && last?.[0] === points[0]?.[0] && last?.[1] === points[0]?.[1];
      const ring = closed ? points.slice(0, -1) : points;
      const frames = found.get(lesion) ?? {};
      frames[frame] = [...(frames[frame] ?? []), ring];
      found.set(lesion, frames);
    }
  }
  return found;
}
