/** Small volumes for three-dimensional pictures: labels as the appliance sends them, densities of the same blocks. Pure. */
import { patientAt, type Grid, type Vector } from './grid';
import type { Volume } from './reslice';

export interface Solids {
  series_uid: string;
  version: number;
  /** Columns, rows, slices of the small map, and of one of its blocks. */
  size: [number, number, number];
  block: [number, number, number];
  /** SOP Instance UIDs in the order of the slices before blocks were made. */
  planes: string[];
  names: Record<'right_lung' | 'left_lung' | 'airways' | 'lesions', number>;
  labels: Uint8Array;
}

/** Four bytes of length, a JSON header, the labels. Null where the document is none. */
export function solidsOf(document: ArrayBuffer): Solids | null {
  if (document.byteLength < 4) return null;
  const length = new DataView(document).getUint32(0, true);
  if (4 + length > document.byteLength) return null;
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(document, 4, length))) as Omit<Solids, 'labels'>;
  const labels = new Uint8Array(document, 4 + length);
  return labels.length === header.size[0] * header.size[1] * header.size[2] ? { ...header, labels } : null;
}

/** A small volume: values with the column running fastest, and where it lies. */
export interface Small {
  grid: Grid;
  block: Vector;
  /** The label's slice 0 is the grid's last one. */
  reversed: boolean;
}

const LONGEST = 160;

/** Blocks of a volume where there are no labels. */
export function blocksOf({ size }: Grid): Vector {
  return size.map((count) => Math.max(1, Math.ceil(count / LONGEST))) as unknown as Vector;
}

/**
 * Where the small map lies: `first` and `last` are the places in the volume's stack of the map's first and last plane.
 * Null where the map is not of this stack.
 */
export function smallGrid(grid: Grid, block: Vector, size: Vector, first: number, last: number): Small | null {
  if (Math.abs(last - first) + 1 !== grid.size[2] || [0, 1, 2].some((axis) => size[axis] !== Math.ceil((grid.size[axis] ?? 0) / (block[axis] ?? 1)))) return null;
  const reversed = last < first;
  const middle = (axis: 0 | 1) => (block[axis] - 1) / 2;
  const start = reversed ? first - (block[2] - 1) / 2 : first + (block[2] - 1) / 2;
  const [u, v, n] = grid.axes;
  const spacing = grid.spacingMm.map((mm, axis) => mm * (block[axis] ?? 1)) as unknown as Vector;
  return { block, reversed, grid: { ...grid, size, spacingMm: spacing, origin: patientAt(grid, [middle(0), middle(1), start]), axes: [u, v, reversed ? [-n[0], -n[1], -n[2]] : n] } };
}

/** What stands where there is no picture: air. */
const AIR = -1024;

/** Mean density of every block. */
export function densities(volume: Volume, { grid, block, reversed }: Small): Int16Array {
  const [nx, ny, nz] = grid.size;
  const [columns, rows, slices] = volume.grid.size;
  const sums = new Float64Array(nx * ny);
  const counts = new Uint32Array(nx * ny);
  const out = new Int16Array(nx * ny * nz);
  for (let z = 0; z < nz; z += 1) {
    sums.fill(0);
    counts.fill(0);
    for (let part = 0; part < block[2]; part += 1) {
      const plane = z * block[2] + part;
      const slice = volume.slices[reversed ? slices - 1 - plane : plane];
      if (slice === undefined) continue;
      const [low, high] = slice.padding ?? [Infinity, -Infinity];
      for (let j = 0; j < rows; j += 1)
        for (let i = 0; i < columns; i += 1) {
          const raw = slice.stored[j * columns + i] ?? NaN;
          if (raw >= low && raw <= high) continue;
          const to = Math.floor(j / block[1]) * nx + Math.floor(i / block[0]);
          sums[to] = (sums[to] ?? 0) + raw * slice.slope + slice.intercept;
          counts[to] = (counts[to] ?? 0) + 1;
        }
    }
    for (let at = 0; at < sums.length; at += 1) out[z * nx * ny + at] = (counts[at] ?? 0) === 0 ? AIR : Math.max(AIR, Math.min(3071, (sums[at] ?? 0) / (counts[at] ?? 1)));
  }
  return out;
}

/** Densities of the labelled only, so that no chest wall stands before the lungs. */
export function within(values: Int16Array, labels: Uint8Array): Int16Array {
  return values.map((value, at) => (labels[at] === 0 ? AIR : value));
}

/**
 * One where `held` says so, smoothed over 3 × 3 × 3 blocks, so that a surface has no steps; 0 around the edges.
 * What is `thin` would fall below one half: its blocks are kept whole.
 */
export function softened(size: Vector, held: (at: number) => boolean, thin = false): Float32Array {
  const [nx, ny, nz] = size;
  let now = Float32Array.from({ length: nx * ny * nz }, (_, at) => (held(at) ? 1 : 0));
  for (const stride of [1, nx, nx * ny]) {
    const count = stride === 1 ? nx : stride === nx ? ny : nz;
    const next = new Float32Array(now.length);
    for (let at = 0; at < now.length; at += 1) {
      const place = Math.floor(at / stride) % count;
      next[at] = ((place > 0 ? (now[at - stride] ?? 0) : 0) + (now[at] ?? 0) + (place < count - 1 ? (now[at + stride] ?? 0) : 0)) / 3;
    }
    now = next;
  }
  if (thin) now.forEach((value, at) => (now[at] = held(at) ? Math.max(value, THIN) : value));
  return now;
}

const THIN = 0.8;
const VESSEL_HU = -450;

export type Part = 'lungs' | 'airways' | 'vessels' | 'lesions';
export const PARTS: readonly Part[] = ['lungs', 'airways', 'vessels', 'lesions'];

/** Which blocks belong to a part. Vessels are what is dense inside the lungs, away from their edge. */
export function partOf(part: Part, { labels, names, size }: Pick<Solids, 'labels' | 'names' | 'size'>, values: Int16Array): (at: number) => boolean {
  const lung = (at: number) => labels[at] === names.right_lung || labels[at] === names.left_lung;
  if (part === 'lungs') return lung;
  if (part === 'vessels') {
    const ways = [-1, 1, -size[0], size[0], -size[0] * size[1], size[0] * size[1]];
    return (at) => lung(at) && (values[at] ?? AIR) > VESSEL_HU && ways.every((way) => lung(at + way) && lung(at + 2 * way));
  }
  return (at) => labels[at] === names[part];
}

/** Points of a surface from block places to the patient, in place: three numbers each. */
export function toPatient(points: Float32Array, grid: Grid): void {
  for (let at = 0; at + 2 < points.length; at += 3) points.set(patientAt(grid, [points[at] ?? 0, points[at + 1] ?? 0, points[at + 2] ?? 0]), at);
}
