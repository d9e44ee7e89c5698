import { describe, expect, it } from 'vitest';
import { patientAt, type Grid } from '../src/volume/grid';
import type { Slice, Volume } from '../src/volume/reslice';
import { blocksOf, densities, partOf, smallGrid, softened, solidsOf, toPatient, within } from '../src/volume/solid';

const grid: Grid = { size: [4, 4, 6], spacingMm: [1, 2, 3], origin: [10, 20, 30], axes: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], frameOfReference: '1' };
const volume: Volume = { grid, slices: Array.from({ length: 6 }, (_, k): Slice => ({ stored: Int16Array.from({ length: 16 }, (__, at) => (k === 0 && at === 0 ? -3000 : 100 * k)), slope: 1, intercept: -1000, padding: [-3000, -3000] })) };
const NAMES = { right_lung: 1, left_lung: 2, airways: 3, lesions: 4 };

describe('the small map', () => {
  const header = { series_uid: '9', version: 1, size: [2, 2, 3], block: [2, 2, 2], planes: ['a', 'b'], names: NAMES };
  const said = new TextEncoder().encode(JSON.stringify(header));
  const document = (labels: number[]) => {
    const out = new Uint8Array(4 + said.length + labels.length);
    new DataView(out.buffer).setUint32(0, said.length, true);
    out.set(said, 4);
    out.set(labels, 4 + said.length);
    return out.buffer;
  };
  it('is read, and refused where its labels are too few', () => {
    expect([...(solidsOf(document([1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0, 0]))?.labels ?? [])]).toEqual([1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0, 0]);
    expect(solidsOf(document([1, 0]))).toBeNull();
    expect(solidsOf(new ArrayBuffer(2))).toBeNull();
  });
  it('lies with its blocks’ middles on the stack, also one listed from the other end', () => {
    const up = smallGrid(grid, [2, 2, 2], [2, 2, 3], 0, 5);
    expect(up?.grid.origin).toEqual([10.5, 21, 31.5]);
    expect(up?.grid.spacingMm).toEqual([2, 4, 6]);
    const down = smallGrid(grid, [2, 2, 2], [2, 2, 3], 5, 0);
    expect(down?.reversed).toBe(true);
    expect(down === null ? null : patientAt(down.grid, [0, 0, 2])).toEqual([10.5, 21, 31.5]);
  });
  it('is not laid on another stack', () => {
    expect(smallGrid(grid, [2, 2, 2], [2, 2, 3], 0, 4)).toBeNull();
    expect(smallGrid(grid, [2, 2, 2], [3, 2, 3], 0, 5)).toBeNull();
  });
  it('needs no blocks for a small stack', () => expect(blocksOf({ ...grid, size: [512, 512, 100] })).toEqual([4, 4, 1]));
});

describe('densities of blocks', () => {
  it('are means without padding, in the map’s own order', () => {
    const up = smallGrid(grid, [2, 2, 2], [2, 2, 3], 0, 5);
    const down = smallGrid(grid, [2, 2, 2], [2, 2, 3], 5, 0);
    if (up === null || down === null) throw new Error('no grid');
    const of = (values: Int16Array) => [0, 1, 4, 8].map((at) => values[at]);
    expect(of(densities(volume, up))).toEqual([-942, -950, -750, -550]); // three of 0 and four of 100 in the cut block
    expect(of(densities(volume, down))).toEqual([-550, -550, -750, -942]);
  });
  it('leave out what is not labelled', () => expect([...within(Int16Array.of(5, 6, 7), Uint8Array.of(0, 1, 4))]).toEqual([-1024, 6, 7]));
});

describe('parts', () => {
  it('are the labels, and vessels what is dense well inside the lungs', () => {
    const labels = new Uint8Array(7 ** 3).fill(1);
    labels[0] = 3;
    labels[1] = 4;
    const values = new Int16Array(7 ** 3).fill(-850);
    const middle = 3 * 49 + 3 * 7 + 3;
    values[middle] = 0;
    values[2] = 0; // at the edge: no vessel
    const map = { labels, names: NAMES, size: [7, 7, 7] as [number, number, number] };
    const held = (part: 'airways' | 'lesions' | 'vessels') => [...labels.keys()].filter(partOf(part, map, values));
    expect(held('airways')).toEqual([0]);
    expect(held('lesions')).toEqual([1]);
    expect(held('vessels')).toEqual([middle]);
  });
  it('have soft surfaces, and what is thin stays', () => {
    const middle = (at: number) => at === 13;
    expect(softened([3, 3, 3], middle)[13]).toBeCloseTo(1 / 27, 6);
    expect(softened([3, 3, 3], middle, true)[13]).toBeCloseTo(0.8, 6);
    const full = softened([5, 5, 5], () => true);
    expect([full[62], full[0]]).toEqual([expect.closeTo(1, 6), expect.closeTo(8 / 27, 6)]);
  });
  it('come from blocks to the patient', () => {
    const points = Float32Array.of(0, 0, 0, 1, 2, 3);
    toPatient(points, grid);
    expect([...points]).toEqual([10, 20, 30, 11, 24, 39]);
  });
});
