import { describe, expect, it } from 'vitest';
import type { FrameSource } from '../src/viewer/frames';
import { patientAt, type Grid } from '../src/volume/grid';
import { ColourSlice, loadSlices, SliceFailed } from '../src/volume/load';
import { barOf, fromSection, layersOf, lettersAt, mprOf, mprReducer, nextOf, pixelOf, placing, planeOf, toSection, voxelAt, voxelUnder, wayDown } from '../src/volume/mpr';
import { greyOf, hotIron, painted, weightOf } from '../src/volume/paint';
import { lieOf, PLANES, sampled, type Slice, type Volume } from '../src/volume/reslice';
import { highest, placedBy, scaledBy, type PetAnswer } from '../src/volume/usePet';

const LUNG = { width: 1500, centre: -600 };
const grid: Grid = { size: [40, 30, 20], spacingMm: [0.5, 0.8, 5], origin: [-10, -20, 100], axes: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], frameOfReference: '1' };
const prone: Grid = { ...grid, axes: [[-1, 0, 0], [0, -1, 0], [0, 0, 1]] };

describe('the planes’ state', () => {
  const step = mprReducer(grid);
  const fresh = mprOf(grid, LUNG);
  it('begins in the middle, one layer thin', () => {
    expect(fresh.cross).toEqual([20, 15, 10]);
    expect(layersOf(grid, lieOf(grid, 'axial'), fresh)).toEqual([10, 10]);
  });
  it('moves only the layer of the plane that is scrolled', () => {
    expect(step(fresh, { step: 'layer', plane: 'axial', to: 3 }).cross).toEqual([20, 15, 3]);
    expect(step(fresh, { step: 'layer', plane: 'coronal', to: 3 }).cross).toEqual([20, 3, 10]);
    expect(step(fresh, { step: 'layer', plane: 'sagittal', to: 3 }).cross).toEqual([3, 15, 10]);
  });
  it('never leaves the stack', () => {
    expect(step(fresh, { step: 'cross', at: [-4, 99, 19.6] }).cross).toEqual([0, 29, 19]);
    expect(voxelAt(grid, [1e6, -20, 112])).toEqual([39, 0, 2]);
  });
  it('shows a slab of whole layers', () => {
    const slab = step(step(fresh, { step: 'projection', projection: 'max' }), { step: 'thickness', mm: 20 });
    expect(layersOf(grid, lieOf(grid, 'axial'), slab)).toEqual([9, 12]);
    expect(layersOf(grid, lieOf(grid, 'sagittal'), slab)).toEqual([1, 39]);
    expect(layersOf(grid, lieOf(grid, 'axial'), { ...slab, thicknessMm: Infinity })).toEqual([0, 19]);
  });
  it('zooms about the middle of the pane and goes back', () => {
    const near = step(step(fresh, { step: 'pan', plane: 'coronal', by: [10, 0] }), { step: 'zoom', plane: 'coronal', factor: 2 });
    expect(near.looks.coronal).toEqual({ zoom: 2, pan: [20, 0] });
    expect(near.looks.axial.zoom).toBe(1);
    expect(step(near, { step: 'reset', window: LUNG }).looks.coronal.zoom).toBe(1);
  });
  it('goes round', () => expect(nextOf(PLANES, 'sagittal')).toBe('axial'));
});

describe('places', () => {
  it('have true proportions: a millimetre is as long down as to the right', () => {
    const lie = lieOf(grid, 'coronal');
    const size: [number, number] = [grid.size[lie.right], grid.size[lie.down]];
    const place = placing(size, [0.5, 5], [200, 200], { zoom: 1, pan: [0, 0] });
    expect(place.pixel).toEqual([1, 10]);
    expect([place.left, place.top]).toEqual([80, 0]);
    expect(barOf(place.scale, 60)).toEqual({ mm: 20, px: 40 });
  });
  it('are found back on every plane, also of a prone stack', () => {
    for (const one of [grid, prone])
      for (const plane of PLANES) {
        const lie = lieOf(one, plane);
        const place = placing([one.size[lie.right], one.size[lie.down]], [one.spacingMm[lie.right], one.spacingMm[lie.down]], [431, 322], { zoom: 1.7, pan: [13, -8] });
        const voxel = voxelUnder(one, lie, [7, 8, 9], toSection(place, fromSection(place, pixelOf(one, lie, [7, 8, 9]))));
        voxel.forEach((value, axis) => expect(value).toBeCloseTo([7, 8, 9][axis] ?? NaN, 6));
      }
  });
  it('carry the right letters, however the patient lay', () => {
    for (const one of [grid, prone]) {
      expect(lettersAt(one, lieOf(one, 'axial'))).toEqual({ left: 'R', right: 'L', top: 'A', bottom: 'P' });
      expect(lettersAt(one, lieOf(one, 'coronal'))).toEqual({ left: 'R', right: 'L', top: 'H', bottom: 'F' });
      expect(lettersAt(one, lieOf(one, 'sagittal'))).toEqual({ left: 'A', right: 'P', top: 'H', bottom: 'F' });
    }
  });
  it('scroll from the head down, from the front back, from the right to the left', () => {
    expect(PLANES.map((plane) => wayDown(grid, plane))).toEqual([-1, 1, 1]);
    expect(PLANES.map((plane) => wayDown(prone, plane))).toEqual([-1, -1, -1]);
  });
  it('say where a section lies in the patient', () => {
    const plane = planeOf(grid, lieOf(grid, 'coronal'), 4);
    expect(plane.origin).toEqual(patientAt(grid, [0, 4, 19]));
    expect([...plane.right, ...plane.down].map((part) => part + 0)).toEqual([0.5, 0, 0, 0, 0, -5]);
  });
});

describe('painting', () => {
  it('is the window’s linear ramp, black where there is no picture', () => {
    expect([-1350, -600, 150, -5000, 5000, NaN].map((value) => greyOf(value, LUNG, false))).toEqual([0, 128, 255, 0, 255, 0]);
    expect([-1350, 150, NaN].map((value) => greyOf(value, LUNG, true))).toEqual([255, 0, 0]);
  });
  it('has a hot scale from black by red and yellow to white', () => {
    expect([0, 0.25, 0.75, 1, 2].map(hotIron)).toEqual([[0, 0, 0], [128, 0, 0], [255, 128, 0], [255, 255, 255], [255, 255, 255]]);
  });
  it('mixes a second scan in, and leaves the first where there is no second', () => {
    const tint = { values: Float32Array.of(10, NaN), low: 0, high: 10, blend: 0.5 };
    const pixels = painted(Float32Array.of(-1350, 150), LUNG, false, tint);
    expect([...pixels]).toEqual([128, 77, 26, 255, 255, 255, 255, 255]); // half of the palette's end, orange; beside it the CT alone
    expect([...painted(Float32Array.of(150), LUNG, false, { ...tint, values: Float32Array.of(0), blend: 0 })]).toEqual([255, 255, 255, 255]);
  });
});

describe('bringing slices together', () => {
  const sources = Array.from({ length: 20 }, (_, n) => ({ metadata: {}, frame: { key: String(n) } })) as unknown as FrameSource[];
  const slice = (n: number): Slice => ({ stored: [n], slope: 1, intercept: 0, padding: null });
  const order = [...sources.keys()].reverse();
  it('keeps the grid’s order and counts', async () => {
    const counted: number[] = [];
    const slices = await loadSlices(sources, order, (source) => Promise.resolve(slice(Number(source.frame.key))), (done) => counted.push(done), new AbortController().signal);
    expect(slices.map((one) => one.stored[0])).toEqual(order);
    expect(counted.at(-1)).toBe(20);
  });
  it('says which slice is missing, and asks for no more', async () => {
    let asked = 0;
    const read = (source: FrameSource) => {
      asked += 1;
      return source.frame.key === '17' ? Promise.reject(new Error('gone')) : Promise.resolve(slice(0));
    };
    await expect(loadSlices(sources, order, read, () => undefined, new AbortController().signal)).rejects.toMatchObject(new SliceFailed(17));
    expect(asked).toBeLessThan(20);
  });
  it('tells colour apart', async () => {
    await expect(loadSlices(sources, order, () => Promise.reject(new ColourSlice()), () => undefined, new AbortController().signal)).rejects.toBeInstanceOf(ColourSlice);
  });
  it('stops when it is broken off', async () => {
    const broken = new AbortController();
    let asked = 0;
    const read = () => {
      asked += 1;
      if (asked === 7) broken.abort();
      return Promise.resolve(slice(0));
    };
    await expect(loadSlices(sources, order, read, () => undefined, broken.signal)).rejects.toThrow();
    expect(asked).toBeLessThan(14);
  });
});

describe('a PET beside a CT', () => {
  const motion = [[1, 0, 0, 5], [0, 1, 0, -2], [0, 0, 1, 0], [0, 0, 0, 1]];
  const answer = (alignment: Partial<NonNullable<PetAnswer['alignment']>> | null): PetAnswer => ({ reason: null, suv: null, alignment: alignment === null ? null : { length_mm: 5, angle_deg: 0, used: true, spread_mm: 0, ...alignment } });
  it('lies where the appliance’s motion puts it', () => {
    expect(placedBy(answer({ motion }), '1', '1')?.toPet([10, 20, 30])).toEqual([15, 18, 30]);
    expect(placedBy(answer({ motion, used: false, shared_frame: false }), '1', '2')?.by).toBe('motion');
  });
  it('lies by its coordinates only in a shared frame', () => {
    expect(placedBy(null, '1', '1')?.toPet([1, 2, 3])).toEqual([1, 2, 3]);
    expect(placedBy(answer({ motion, used: false }), '1', '1')?.by).toBe('geometry');
    expect(placedBy(null, '1', '2')).toBeNull();
    expect(placedBy(null, '', '')).toBeNull();
  });
  it('is in SUV by the appliance’s factor, wherever it is sampled', () => {
    const pet: Volume = { grid: { ...grid, size: [4, 4, 4], spacingMm: [4, 4, 4], origin: [-10, -20, 100] }, slices: Array.from({ length: 4 }, (_, k): Slice => ({ stored: new Uint16Array(16).fill(1000 * k), slope: 2, intercept: 0, padding: null })) };
    expect(highest(pet)).toBe(6000);
    const suv = scaledBy(pet, 1 / 1000);
    const plane = planeOf(grid, lieOf(grid, 'axial'), 1); // z = 105 mm: a quarter beyond the PET's second slice
    expect(sampled(suv, { ...plane, width: 2, height: 1 })[0]).toBeCloseTo(2.5, 5);
  });
  it('covers the CT more where uptake is high, and alone at the end', () => {
    expect([weightOf(0, 0.5), weightOf(1, 0.5), weightOf(0, 1), weightOf(1, 0)]).toEqual([0.25, 0.5, 1, 0]);
  });
});
