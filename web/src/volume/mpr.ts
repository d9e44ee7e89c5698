/** What the three planes show: one crossing point for all, one window, one slab; each its own zoom. Pure. */
import { lettersOf, type EdgeLetters } from '../viewer/frames';
import type { Window } from '../viewer/presets';
import { along, indexAt, patientAt, turned, type Grid, type Vector } from './grid';
import { lieOf, PLANES, slabOf, type Lie, type Plane, type PlaneName, type Projection } from './reslice';

export interface Look {
  zoom: number;
  /** How far the middle of the picture is moved from the middle of the pane, CSS pixels. */
  pan: readonly [number, number];
}

export interface Mpr {
  /** The voxel that all three planes run through. */
  cross: Vector;
  active: PlaneName;
  window: Window;
  inverted: boolean;
  projection: Projection;
  thicknessMm: number;
  looks: Record<PlaneName, Look>;
}

const PLAIN: Look = { zoom: 1, pan: [0, 0] };
export const THICKNESSES_MM: readonly number[] = [5, 10, 20, Infinity];

export function mprOf({ size }: Grid, window: Window): Mpr {
  const cross = size.map((count) => Math.floor(count / 2)) as unknown as Vector;
  return { cross, active: 'axial', window, inverted: false, projection: 'slice', thicknessMm: 10, looks: { axial: PLAIN, coronal: PLAIN, sagittal: PLAIN } };
}

export type MprStep =
  | { step: 'cross'; at: Vector }
  | { step: 'layer'; plane: PlaneName; to: number }
  | { step: 'activate'; plane: PlaneName }
  | { step: 'window'; window: Window }
  | { step: 'invert' }
  | { step: 'projection'; projection: Projection }
  | { step: 'thickness'; mm: number }
  | { step: 'zoom'; plane: PlaneName; factor: number }
  | { step: 'pan'; plane: PlaneName; by: readonly [number, number] }
  | { step: 'reset'; window: Window };

const clamped = (value: number, count: number) => Math.min(Math.max(Math.round(value), 0), count - 1);

/** The nearest voxel: a crossing point never leaves the stack. */
const inside = ({ size }: Grid, [i, j, k]: Vector): Vector => [clamped(i, size[0]), clamped(j, size[1]), clamped(k, size[2])];

export function mprReducer(grid: Grid): (state: Mpr, step: MprStep) => Mpr {
  return (state, step) => {
    switch (step.step) {
      case 'cross':
        return { ...state, cross: inside(grid, step.at) };
      case 'layer': {
        const { through } = lieOf(grid, step.plane);
        return { ...state, cross: inside(grid, state.cross.map((at, axis) => (axis === through ? step.to : at)) as unknown as Vector) };
      }
      case 'activate':
        return { ...state, active: step.plane };
      case 'window':
        return { ...state, window: step.window };
      case 'invert':
        return { ...state, inverted: !state.inverted };
      case 'projection':
        return { ...state, projection: step.projection };
      case 'thickness':
        return { ...state, thicknessMm: step.mm };
      case 'zoom': {
        const look = state.looks[step.plane];
        const zoom = Math.min(Math.max(look.zoom * step.factor, 0.3), 20);
        const pan = look.pan.map((part) => (part * zoom) / look.zoom) as [number, number];
        return { ...state, looks: { ...state.looks, [step.plane]: { zoom, pan } } };
      }
      case 'pan': {
        const look = state.looks[step.plane];
        return { ...state, looks: { ...state.looks, [step.plane]: { ...look, pan: [look.pan[0] + step.by[0], look.pan[1] + step.by[1]] } } };
      }
      case 'reset':
        return { ...mprOf(grid, step.window), active: state.active };
    }
  };
}

/** The next plane, or the next one of any list. */
export function nextOf<T>(list: readonly T[], now: T, by: 1 | -1 = 1): T {
  return list[(list.indexOf(now) + by + list.length) % list.length] ?? now;
}

export const nextPlane = (plane: PlaneName): PlaneName => nextOf(PLANES, plane);

/** A step on goes as in the stack: from the head to the feet, from the front to the back, from the right to the left. */
export function wayDown(grid: Grid, plane: PlaneName): 1 | -1 {
  const axis = grid.axes[lieOf(grid, plane).through];
  return plane === 'axial' ? (axis[2] > 0 ? -1 : 1) : plane === 'coronal' ? (axis[1] > 0 ? 1 : -1) : axis[0] > 0 ? 1 : -1;
}

/** Layers that a plane shows: one, or its slab. */
export function layersOf(grid: Grid, lie: Lie, { cross, projection, thicknessMm }: Pick<Mpr, 'cross' | 'projection' | 'thicknessMm'>): [number, number] {
  const at = cross[lie.through];
  return projection === 'slice' ? [at, at] : slabOf(grid.size[lie.through], grid.spacingMm[lie.through], at, thicknessMm);
}

/** A section in its pane: where its pixels lie, CSS pixels. */
export interface Placing {
  /** CSS pixels per millimetre. */
  scale: number;
  /** CSS pixel of the picture's upper left edge. */
  left: number;
  top: number;
  /** Sizes of a section's pixel, CSS pixels. */
  pixel: readonly [number, number];
}

/** The whole picture in the pane, with true proportions, then zoomed and moved. */
export function placing(size: readonly [number, number], pixelMm: readonly [number, number], pane: readonly [number, number], look: Look): Placing {
  const [width, height] = [size[0] * pixelMm[0], size[1] * pixelMm[1]];
  const scale = Math.min(pane[0] / width, pane[1] / height) * look.zoom;
  return { scale, left: pane[0] / 2 + look.pan[0] - (width * scale) / 2, top: pane[1] / 2 + look.pan[1] - (height * scale) / 2, pixel: [pixelMm[0] * scale, pixelMm[1] * scale] };
}

/** Column and row (pixel centres at whole numbers) of a place in the pane. */
export const toSection = ({ left, top, pixel }: Placing, [x, y]: readonly [number, number]): [number, number] => [(x - left) / pixel[0] - 0.5, (y - top) / pixel[1] - 0.5];
export const fromSection = ({ left, top, pixel }: Placing, [column, row]: readonly [number, number]): [number, number] => [left + (column + 0.5) * pixel[0], top + (row + 0.5) * pixel[1]];

/** Voxel under a pixel of a plane's section, the crossing point's layer through. */
export function voxelUnder(grid: Grid, lie: Lie, cross: Vector, [column, row]: readonly [number, number]): Vector {
  const at: [number, number, number] = [...cross];
  at[lie.right] = lie.rightFlipped ? grid.size[lie.right] - 1 - column : column;
  at[lie.down] = lie.downFlipped ? grid.size[lie.down] - 1 - row : row;
  return at;
}

/** Pixel of a plane's section on which a voxel lies. */
export function pixelOf(grid: Grid, lie: Lie, at: Vector): [number, number] {
  return [lie.rightFlipped ? grid.size[lie.right] - 1 - at[lie.right] : at[lie.right], lie.downFlipped ? grid.size[lie.down] - 1 - at[lie.down] : at[lie.down]];
}

/** Unit vectors of the screen in the patient. */
export function screenOf(grid: Grid, lie: Lie): { right: Vector; down: Vector } {
  const [right, down] = [grid.axes[lie.right], grid.axes[lie.down]];
  return { right: lie.rightFlipped ? turned(right) : right, down: lie.downFlipped ? turned(down) : down };
}

export function lettersAt(grid: Grid, lie: Lie): EdgeLetters {
  const { right, down } = screenOf(grid, lie);
  const of = (way: Vector) => lettersOf([...way]);
  return { left: of(turned(right)), right: of(right), top: of(turned(down)), bottom: of(down) };
}

/** A plane's section as a plane of the patient, for sampling another scan on it. */
export function planeOf(grid: Grid, lie: Lie, layer: number): Plane {
  const first: [number, number, number] = [0, 0, 0];
  first[lie.through] = layer;
  const { right, down } = screenOf(grid, lie);
  const [width, height] = [grid.size[lie.right], grid.size[lie.down]];
  const step = (way: Vector, mm: number): Vector => along([0, 0, 0], way, mm);
  return { origin: patientAt(grid, voxelUnder(grid, lie, first, [0, 0])), right: step(right, grid.spacingMm[lie.right]), down: step(down, grid.spacingMm[lie.down]), width, height };
}

/** The voxel nearest to a point of the patient. */
export const voxelAt = (grid: Grid, point: Vector): Vector => inside(grid, indexAt(grid, point));

const BARS_MM = [200, 100, 50, 20, 10, 5, 2, 1];

/** The longest round length that fits into `room` CSS pixels. */
export function barOf(scale: number, room: number): { mm: number; px: number } {
  const mm = BARS_MM.find((one) => one * scale <= room) ?? 1;
  return { mm, px: mm * scale };
}
