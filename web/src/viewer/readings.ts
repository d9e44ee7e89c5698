/** Numbers of what is drawn: lengths, angles, areas, and the statistics of the pixels inside. Pure. */
import type { Frame } from './frames';
import type { Measure, Point } from './measure';

export interface Reading {
  number: number;
  /** `mm` in the patient, `mm-detector` where only the detector's spacing is known, `px` without any. */
  unit: 'mm' | 'mm-detector' | 'px' | 'deg';
}

type Scaled = Pick<Frame, 'spacingMm' | 'spacingOf'>;

const unitOf = (frame: Scaled): 'mm' | 'mm-detector' | 'px' => (frame.spacingMm === null ? 'px' : frame.spacingOf === 'detector' ? 'mm-detector' : 'mm');

/** Spacing is (between rows, between columns) in mm: a step down counts the first, a step right the second. */
export function lengthOf([a, b]: readonly Point[], frame: Scaled): Reading {
  if (a === undefined || b === undefined) return { number: 0, unit: 'px' };
  const [down, right] = frame.spacingMm ?? [1, 1];
  return { number: Math.hypot((b[0] - a[0]) * right, (b[1] - a[1]) * down), unit: unitOf(frame) };
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

export interface Area {
  number: number;
  /** Squares of `Reading.unit`. */
  unit: 'mm' | 'mm-detector' | 'px';
}

interface Region {
  area: number;
  box: [left: number, top: number, right: number, bottom: number];
  inside: (column: number, row: number) => boolean;
}

function boxOf(points: readonly Point[]): Region['box'] {
  const of = (axis: 0 | 1) => points.map((point) => point[axis]);
  return [Math.min(...of(0)), Math.min(...of(1)), Math.max(...of(0)), Math.max(...of(1))];
}

/** Even-odd rule; the line closes itself. */
export function insideOf(points: readonly Point[], column: number, row: number): boolean {
  let inside = false;
  points.forEach(([x, y], index) => {
    const [px, py] = points[(index + points.length - 1) % points.length] ?? [x, y];
    if (y > row !== py > row && column < ((px - x) * (row - y)) / (py - y) + x) inside = !inside;
  });
  return inside;
}

const shoelace = (points: readonly Point[]) =>
  Math.abs(points.reduce((sum, [x, y], index) => {
    const [nx, ny] = points[(index + 1) % points.length] ?? [x, y];
    return sum + x * ny - nx * y;
  }, 0)) / 2;

/** The region a measurement encloses, in pixels; null for lines and points. */
function regionOf({ kind, points }: Pick<Measure, 'kind' | 'points'>): Region | null {
  const box = boxOf(points);
  const [left, top, right, bottom] = box;
  const [a, b] = [(right - left) / 2, (bottom - top) / 2];
  if (kind === 'rectangle') return { box, area: 4 * a * b, inside: (x, y) => x >= left && x <= right && y >= top && y <= bottom };
  if (kind === 'ellipse') return { box, area: Math.PI * a * b, inside: (x, y) => a > 0 && b > 0 && ((x - left - a) / a) ** 2 + ((y - top - b) / b) ** 2 <= 1 };
  if (kind === 'contour') return { box, area: shoelace(points), inside: (x, y) => insideOf(points, x, y) };
  return null;
}

export function areaOf(measure: Pick<Measure, 'kind' | 'points'>, frame: Scaled): Area | null {
  const region = regionOf(measure);
  if (region === null) return null;
  const [down, right] = frame.spacingMm ?? [1, 1];
  return { number: region.area * down * right, unit: unitOf(frame) };
}

/** The pixels on the screen: modality values (HU on CT), null where the file says that there is no picture. */
export interface Sampler {
  columns: number;
  rows: number;
  at: (column: number, row: number) => number | null;
}

export interface Statistics {
  /** Pixels whose centre lies inside and that hold a value. */
  count: number;
  mean: number;
  /** Of the pixels as they are, not of a sample of them: divided by their number. */
  deviation: number;
  min: number;
  max: number;
}

export function statisticsOf(measure: Pick<Measure, 'kind' | 'points'>, pixels: Sampler): Statistics | null {
  const region = regionOf(measure);
  if (region === null) return null;
  const [left, top, right, bottom] = region.box;
  let [count, sum, squares, min, max] = [0, 0, 0, Infinity, -Infinity];
  for (let row = Math.max(0, Math.ceil(top)); row <= Math.min(pixels.rows - 1, Math.floor(bottom)); row += 1) {
    for (let column = Math.max(0, Math.ceil(left)); column <= Math.min(pixels.columns - 1, Math.floor(right)); column += 1) {
      if (!region.inside(column, row)) continue;
      const value = pixels.at(column, row);
      if (value === null) continue;
      count += 1;
      sum += value;
      squares += value * value;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  if (count === 0) return null;
  const mean = sum / count;
  return { count, mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)), min, max };
}
