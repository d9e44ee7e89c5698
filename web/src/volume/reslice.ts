/**
 * Cutting a stack of slices along its own axes, and on any other plane. Values are the modality's
 * (HU on CT), NaN where there is no picture. Pure; exact where the plane runs through voxel centres.
 */
import { indexAt, type Grid, type Vector } from './grid';

/** One slice as it was decoded: `stored · slope + intercept` is the modality value. */
export interface Slice {
  /** Row by row, `rows × columns`. */
  stored: ArrayLike<number>;
  slope: number;
  intercept: number;
  /** Stored values that are no picture (0028,0120); null without any. */
  padding: readonly [number, number] | null;
}

/** Slices in the grid's order, held by reference: the decoded pictures themselves, no second copy. */
export interface Volume {
  grid: Grid;
  slices: readonly Slice[];
}

export const PLANES = ['axial', 'coronal', 'sagittal'] as const;
export type PlaneName = (typeof PLANES)[number];

/** How a plane lies in the grid: which grid axis runs to the right and down on the screen, which goes through. */
export interface Lie {
  right: 0 | 1 | 2;
  down: 0 | 1 | 2;
  through: 0 | 1 | 2;
  /** The screen runs against the grid's axis. */
  rightFlipped: boolean;
  downFlipped: boolean;
}

/** Axis of the patient (0 left, 1 posterior, 2 head) that goes to the right and down on the screen, and its sign. */
const SCREEN: Record<PlaneName, { right: [number, 1 | -1]; down: [number, 1 | -1] }> = {
  axial: { right: [0, 1], down: [1, 1] },
  coronal: { right: [0, 1], down: [2, -1] },
  sagittal: { right: [1, 1], down: [2, -1] },
};

/** The grid axis nearest to each patient axis: for a stack taken at a slant the nearest one still names it. */
function nearest(grid: Grid): [0 | 1 | 2, 0 | 1 | 2, 0 | 1 | 2] {
  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] as const;
  const fit = (order: (typeof orders)[number]) => order.reduce<number>((sum, axis, patient) => sum + Math.abs(grid.axes[axis][patient as 0 | 1 | 2]), 0);
  return [...orders.reduce((best, order) => (fit(order) > fit(best) ? order : best), orders[0])];
}

/** The plane as radiologists hang it: patient's right on the screen's left, front or head up, face to the left on a sagittal. */
export function lieOf(grid: Grid, plane: PlaneName): Lie {
  const of = nearest(grid);
  const { right, down } = SCREEN[plane];
  const [u, v] = [of[right[0] as 0 | 1 | 2], of[down[0] as 0 | 1 | 2]];
  const sign = (axis: 0 | 1 | 2, [patient, way]: [number, 1 | -1]) => grid.axes[axis][patient as 0 | 1 | 2] * way < 0;
  return { right: u, down: v, through: (3 - u - v) as 0 | 1 | 2, rightFlipped: sign(u, right), downFlipped: sign(v, down) };
}

export type Projection = 'slice' | 'max' | 'min' | 'mean';
export const PROJECTIONS: readonly Projection[] = ['slice', 'max', 'min', 'mean'];

/** A picture cut from a volume: values row by row. */
export interface Section {
  width: number;
  height: number;
  values: Float32Array;
  /** Distance of pixel centres, mm: to the right, down. */
  pixelMm: readonly [number, number];
}

/** First and last layer of a slab of `thicknessMm` around a layer, in whole layers: at least that one, never beyond the stack. */
export function slabOf(layers: number, spacingMm: number, at: number, thicknessMm: number): [number, number] {
  const count = Math.max(1, Math.round(Math.min(thicknessMm, 2 * layers * spacingMm) / spacingMm));
  const before = Math.floor((count - 1) / 2);
  return [Math.max(0, at - before), Math.min(layers - 1, at + count - 1 - before)];
}

/** Cut along the grid: no value is made that no voxel has, except by `mean`. */
export function cut({ grid, slices }: Volume, lie: Lie, layers: readonly [number, number], projection: Projection): Section {
  const { size, spacingMm } = grid;
  const [width, height] = [size[lie.right], size[lie.down]];
  const values = new Float32Array(width * height).fill(NaN);
  const counts = projection === 'mean' ? new Uint16Array(width * height) : null;
  // How far the picture's index moves with a step along each axis of the grid: none along the one that goes through.
  const stride = [0, 0, 0];
  stride[lie.right] = lie.rightFlipped ? -1 : 1;
  stride[lie.down] = (lie.downFlipped ? -1 : 1) * width;
  const start = (lie.rightFlipped ? width - 1 : 0) + (lie.downFlipped ? (height - 1) * width : 0);
  const range = ([0, 1, 2] as const).map((axis) => (axis === lie.through ? layers : [0, size[axis] - 1])) as [number, number][];
  const [[i0, i1], [j0, j1], [k0, k1]] = range as [[number, number], [number, number], [number, number]];
  const [si, sj, sk] = stride as [number, number, number];
  const put = projection === 'min' ? keepLower : projection === 'mean' ? null : keepHigher;
  for (let k = k0; k <= k1; k += 1) {
    const slice = slices[k];
    if (slice === undefined) continue;
    for (let j = j0; j <= j1; j += 1) {
      const row = j * size[0];
      const to = start + j * sj + k * sk;
      if (put !== null) put(values, slice, row, i0, i1, to, si);
      else if (counts !== null) addRow(values, counts, slice, row, i0, i1, to, si);
    }
  }
  if (counts !== null) for (let at = 0; at < values.length; at += 1) values[at] = (values[at] ?? NaN) / (counts[at] ?? 0);
  return { width, height, values, pixelMm: [spacingMm[lie.right], spacingMm[lie.down]] };
}

// The three loops below are the whole cost of a projection of the thorax (10⁸ voxels): no call, no allocation inside.
/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are within the arrays by construction */
function keepHigher(values: Float32Array, { stored, slope, intercept, padding }: Slice, row: number, i0: number, i1: number, to: number, si: number): void {
  const [low, high] = padding ?? [Infinity, -Infinity];
  for (let i = i0; i <= i1; i += 1) {
    const raw = stored[row + i]!;
    if (raw >= low && raw <= high) continue;
    const value = raw * slope + intercept;
    const at = to + i * si;
    if (!(values[at]! >= value)) values[at] = value;
  }
}

function keepLower(values: Float32Array, { stored, slope, intercept, padding }: Slice, row: number, i0: number, i1: number, to: number, si: number): void {
  const [low, high] = padding ?? [Infinity, -Infinity];
  for (let i = i0; i <= i1; i += 1) {
    const raw = stored[row + i]!;
    if (raw >= low && raw <= high) continue;
    const value = raw * slope + intercept;
    const at = to + i * si;
    if (!(values[at]! <= value)) values[at] = value;
  }
}

function addRow(values: Float32Array, counts: Uint16Array, { stored, slope, intercept, padding }: Slice, row: number, i0: number, i1: number, to: number, si: number): void {
  const [low, high] = padding ?? [Infinity, -Infinity];
  for (let i = i0; i <= i1; i += 1) {
    const raw = stored[row + i]!;
    if (raw >= low && raw <= high) continue;
    const at = to + i * si;
    values[at] = (counts[at] === 0 ? 0 : values[at]!) + raw * slope + intercept;
    counts[at]! += 1;
  }
}
/* eslint-enable @typescript-eslint/no-non-null-assertion */

/** Value of a voxel; NaN outside and where the file says that there is no picture. */
export function voxel({ grid, slices }: Volume, i: number, j: number, k: number): number {
  const slice = slices[k];
  if (slice === undefined || i < 0 || j < 0 || i >= grid.size[0] || j >= grid.size[1]) return NaN;
  const raw = slice.stored[j * grid.size[0] + i] ?? NaN;
  if (slice.padding !== null && raw >= slice.padding[0] && raw <= slice.padding[1]) return NaN;
  return raw * slice.slope + slice.intercept;
}

/** Trilinear value at a place between voxels; NaN where one of those it needs is missing. */
export function between(volume: Volume, [x, y, z]: Vector): number {
  const [i, j, k] = [floor(x), floor(y), floor(z)];
  const [a, b, c] = [x - i, y - j, z - k];
  let sum = 0;
  for (let corner = 0; corner < 8; corner += 1) {
    const [di, dj, dk] = [corner & 1, (corner >> 1) & 1, corner >> 2];
    const weight = (di === 1 ? a : 1 - a) * (dj === 1 ? b : 1 - b) * (dk === 1 ? c : 1 - c);
    if (weight > HAIR) sum += weight * voxel(volume, i + di, j + dj, k + dk);
  }
  return sum;
}

const HAIR = 1e-6;

/** A hair beside a voxel's centre is that centre: rounding of coordinates must not ask for a slice beyond the last. */
function floor(value: number): number {
  const whole = Math.round(value);
  return Math.abs(value - whole) < HAIR ? whole : Math.floor(value);
}

/** A plane anywhere: the centre of its first pixel, and the steps to the next pixel right and down, patient mm. */
export interface Plane {
  origin: Vector;
  right: Vector;
  down: Vector;
  width: number;
  height: number;
}

/** Sample a volume on any plane, trilinear. `transform` takes a point of the plane's patient space to the volume's. */
export function sampled(volume: Volume, plane: Plane, transform: (point: Vector) => Vector = (point) => point): Float32Array {
  const { width, height } = plane;
  const place = (x: number, y: number): Vector => indexAt(volume.grid, transform([0, 1, 2].map((axis) => (plane.origin[axis] ?? 0) + x * (plane.right[axis] ?? 0) + y * (plane.down[axis] ?? 0)) as unknown as Vector));
  // Both spaces are rigid: three places give every other.
  const [o, x, y] = [place(0, 0), place(1, 0), place(0, 1)];
  const out = new Float32Array(width * height);
  for (let row = 0; row < height; row += 1)
    for (let column = 0; column < width; column += 1) out[row * width + column] = between(volume, [o[0] + column * (x[0] - o[0]) + row * (y[0] - o[0]), o[1] + column * (x[1] - o[1]) + row * (y[1] - o[1]), o[2] + column * (x[2] - o[2]) + row * (y[2] - o[2])]);
  return out;
}
