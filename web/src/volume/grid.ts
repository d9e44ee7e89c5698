/** From a series' frames to a regular grid in the patient, or the reason why there is none. Pure. */
import { normalOf, slicePositionMm, type Frame } from '../viewer/frames';

export type Vector = readonly [number, number, number];

/** Voxels at `origin + i·spacing[0]·axes[0] + j·… + k·…`: i along a row, j down, k from slice to slice. */
export interface Grid {
  /** Columns, rows, slices. */
  size: Vector;
  spacingMm: Vector;
  /** Centre of the first voxel, patient coordinates LPS, mm. */
  origin: Vector;
  /** Unit vectors, right-handed; the third is the slices' normal. */
  axes: readonly [Vector, Vector, Vector];
  frameOfReference: string;
}

/** Why slices are not put together: a code of the catalogue and its numbers. */
export interface Refusal {
  code: 'few' | 'geometry' | 'mixed' | 'tilt' | 'uneven' | 'memory' | 'colour';
  facts: Record<string, number>;
}

export type GridAnswer = { grid: Grid; order: readonly number[] } | { refused: Refusal };

/** As the quality control of a CT says it: more shear, or more unevenness, and lengths across slices are wrong. */
const SHEAR_LIMIT_DEG = 1;
const UNEVEN_SHARE = 0.1;
const FEWEST = 4;
const SAME = 1e-3;

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const along = (from: Vector, way: Vector, mm: number): Vector => [from[0] + way[0] * mm, from[1] + way[1] * mm, from[2] + way[2] * mm];
export const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const turned = (a: Vector): Vector => [-a[0], -a[1], -a[2]];

const close = (a: Vector | null, b: Vector | null) => a !== null && b !== null && a.every((value, axis) => Math.abs(value - (b[axis] ?? NaN)) < SAME);

function alike(a: Frame, b: Frame): boolean {
  return a.rows === b.rows && a.columns === b.columns && close(a.rowCosine, b.rowCosine) && close(a.columnCosine, b.columnCosine) && a.frameOfReference === b.frameOfReference && a.spacingMm?.every((mm, axis) => Math.abs(mm - (b.spacingMm?.[axis] ?? NaN)) < SAME) === true;
}

interface Placed {
  index: number;
  at: number;
  position: Vector;
}

/** Positions come from (0020,0032) alone: slice thickness and instance numbers say nothing about where a slice is. */
function placed(frames: readonly Frame[]): Placed[] | null {
  const found = frames.map((frame, index) => ({ index, at: slicePositionMm(frame), position: frame.position }));
  if (found.some((one) => one.at === null || one.position === null)) return null;
  return (found as Placed[]).sort((a, b) => a.at - b.at);
}

/** The largest departure of a slice from an even stack, mm. */
function unevenMm(sorted: readonly Placed[], first: number, step: number): number {
  return Math.max(...sorted.map(({ at }, k) => Math.abs(at - first - k * step)));
}

/**
 * The grid of a series and which frame is its k-th slice. Refused: fewer than four slices, no or mixed
 * geometry, slices moved sideways against each other (a tilted gantry), gaps and uneven distances.
 */
export function gridOf(frames: readonly Frame[]): GridAnswer {
  const [model] = frames;
  if (model === undefined || frames.length < FEWEST) return { refused: { code: 'few', facts: { n: frames.length, least: FEWEST } } };
  const normal = normalOf(model);
  const sorted = placed(frames);
  const { rowCosine, columnCosine, spacingMm } = model;
  if (normal === null || sorted === null || rowCosine === null || columnCosine === null || spacingMm === null || model.spacingOf !== 'patient') return { refused: { code: 'geometry', facts: {} } };
  if (!frames.every((frame) => alike(model, frame))) return { refused: { code: 'mixed', facts: {} } };
  const [low, high] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined) return { refused: { code: 'geometry', facts: {} } };
  const step = (high.at - low.at) / (sorted.length - 1);
  const gaps = sorted.slice(1).map(({ at }, k) => at - (sorted[k]?.at ?? NaN));
  const usual = [...gaps].sort((a, b) => a - b)[gaps.length >> 1] ?? 0;
  const worst = Math.max(...gaps.map((gap) => Math.abs(gap - usual)), unevenMm(sorted, low.at, step));
  if (step <= 0 || worst > UNEVEN_SHARE * usual) return { refused: { code: 'uneven', facts: { worst: round(worst), usual: round(usual) } } };
  const aside = minus(high.position, along(low.position, normal, high.at - low.at));
  const shearDeg = (Math.atan2(Math.hypot(...aside), high.at - low.at) * 180) / Math.PI;
  if (shearDeg > SHEAR_LIMIT_DEG) return { refused: { code: 'tilt', facts: { deg: round(shearDeg), limit: SHEAR_LIMIT_DEG } } };
  const grid: Grid = {
    size: [model.columns, model.rows, sorted.length],
    spacingMm: [spacingMm[1], spacingMm[0], step],
    origin: low.position,
    axes: [rowCosine, columnCosine, normal],
    frameOfReference: model.frameOfReference,
  };
  return { grid, order: sorted.map(({ index }) => index) };
}

const round = (value: number) => Math.round(value * 100) / 100;

/** Patient coordinates of a place in the grid, which may lie between voxels. */
export function patientAt({ origin, axes, spacingMm }: Grid, index: Vector): Vector {
  return axes.reduce((at, axis, n) => along(at, axis, (index[n] ?? 0) * (spacingMm[n] ?? 0)), origin);
}

/** The place in the grid of a point of the patient, in voxels, not rounded. */
export function indexAt({ origin, axes, spacingMm }: Grid, point: Vector): Vector {
  const from = minus(point, origin);
  return [dot(from, axes[0]) / spacingMm[0], dot(from, axes[1]) / spacingMm[1], dot(from, axes[2]) / spacingMm[2]];
}

const BYTES_PER_VOXEL = 2;
const MIB = 1024 * 1024;
/** What a browser says of a PC's memory stops at 8 GiB, and nothing is said without TLS: then an old PC is assumed. */
const ASSUMED_GIB = 4;
const MEMORY_SHARE = 0.2;
const MOST_MIB = 900;

/** Refuses a series whose slices would take more than this PC's share; null where it fits. */
export function tooLarge(size: Vector, deviceMemoryGib: number | undefined): Refusal | null {
  const need = (size[0] * size[1] * size[2] * BYTES_PER_VOXEL) / MIB;
  const room = Math.min(MOST_MIB, (deviceMemoryGib ?? ASSUMED_GIB) * 1024 * MEMORY_SHARE);
  return need <= room ? null : { code: 'memory', facts: { need: Math.ceil(need), room: Math.floor(room) } };
}
