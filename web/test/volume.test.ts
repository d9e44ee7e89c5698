import { describe, expect, it } from 'vitest';
import type { Frame } from '../src/viewer/frames';
import { gridOf, indexAt, patientAt, tooLarge, type Grid, type Vector } from '../src/volume/grid';
import { between, cut, lieOf, sampled, slabOf, voxel, type Slice, type Volume } from '../src/volume/reslice';

/** Frames of a stack of 4 rows, 5 columns: rows 0.8 mm and columns 0.5 mm apart. */
function stack(at: Vector[], more: Partial<Frame> = {}): Frame[] {
  return at.map((position, n) => ({
    imageId: `x${n}`, key: `${n}/1`, rows: 4, columns: 5, rowCosine: [1, 0, 0], columnCosine: [0, 1, 0], position: [...position] as [number, number, number],
    frameOfReference: '1.9', patientOrientation: null, thicknessMm: 5, spacingMm: [0.8, 0.5], spacingOf: 'patient', ...more,
  }));
}
const rising = (steps: number[]): Vector[] => steps.map((z) => [-10, -20, z]);
const found = (frames: Frame[]) => {
  const answer = gridOf(frames);
  if ('refused' in answer) throw new Error(answer.refused.code);
  return answer;
};
const refusal = (frames: Frame[]) => {
  const answer = gridOf(frames);
  return 'refused' in answer ? answer.refused : null;
};

/** Every voxel says where it is in the patient: x + 100 y + 10000 z in tenths of a millimetre, so a picture shows what it cut. */
const said = ([x, y, z]: Vector) => Math.round(10 * x) + 100 * Math.round(10 * y) + 10000 * Math.round(10 * z);
function speaking(grid: Grid): Volume {
  const slices = Array.from({ length: grid.size[2] }, (_, k): Slice => ({
    stored: Float64Array.from({ length: grid.size[0] * grid.size[1] }, (__, at) => said(patientAt(grid, [at % grid.size[0], Math.floor(at / grid.size[0]), k]))),
    slope: 1, intercept: 0, padding: null,
  }));
  return { grid, slices };
}

describe('a grid of slices', () => {
  it('takes distances from positions, never from thickness or order', () => {
    const { grid, order } = found(stack(rising([30, 0, 10, 20, 40])));
    expect(grid.size).toEqual([5, 4, 5]);
    expect(grid.spacingMm).toEqual([0.5, 0.8, 10]);
    expect(grid.origin).toEqual([-10, -20, 0]);
    expect(order).toEqual([1, 2, 3, 0, 4]);
  });
  it('lists a stack that was sent from the head down from the feet up', () => {
    expect(found(stack(rising([9, 6, 3, 0]))).order).toEqual([3, 2, 1, 0]);
  });
  it('finds back every place', () => {
    const { grid } = found(stack(rising([0, 10, 20, 30])));
    indexAt(grid, patientAt(grid, [1.5, 2.25, 0.5])).forEach((value, axis) => expect(value).toBeCloseTo([1.5, 2.25, 0.5][axis] ?? NaN, 9));
  });
  it('refuses what cannot be cut truly, with numbers', () => {
    expect(refusal(stack(rising([0, 1, 2])))?.code).toBe('few');
    expect(refusal(stack(rising([0, 10, 20, 40, 50])))).toEqual({ code: 'uneven', facts: { worst: 10, usual: 10 } });
    expect(refusal(stack(rising([0, 10, 10, 20])))?.code).toBe('uneven');
    expect(refusal(stack([[0, 0, 0], [0, 1, 5], [0, 2, 10], [0, 3, 15]]))).toEqual({ code: 'tilt', facts: { deg: 11.31, limit: 1 } });
    expect(refusal(stack(rising([0, 10, 20, 30]), { position: null }))?.code).toBe('geometry');
    expect(refusal(stack(rising([0, 10, 20, 30]), { spacingMm: null }))?.code).toBe('geometry');
    expect(refusal(stack(rising([0, 10, 20, 30]), { spacingOf: 'detector' }))?.code).toBe('geometry');
    const mixed = stack(rising([0, 10, 20, 30]));
    expect(refusal([...mixed.slice(1), { ...(mixed[0] as Frame), columns: 6 }])?.code).toBe('mixed');
  });
  it('takes a rounding of positions, not a gap', () => {
    expect(found(stack(rising([0, 1.25, 2.51, 3.75, 5.0]))).grid.spacingMm[2]).toBeCloseTo(1.25, 6);
    expect(refusal(stack(rising([0, 1.25, 2.45, 3.75, 5.0])))).toBe(null);
    expect(refusal(stack(rising([0, 1.25, 2.7, 3.75, 5.0])))?.code).toBe('uneven');
  });
  it('refuses what the PC has no room for', () => {
    expect(tooLarge([512, 512, 600], undefined)).toBe(null);
    expect(tooLarge([512, 512, 600], 1)).toEqual({ code: 'memory', facts: { need: 300, room: 204 } });
    expect(tooLarge([1024, 1024, 600], 8)?.facts).toEqual({ need: 1200, room: 900 });
  });
});

describe('cutting along the grid', () => {
  const grid = found(stack(rising([30, 20, 10, 0]))).grid;
  const volume = speaking(grid);
  const at = (plane: 'axial' | 'coronal' | 'sagittal', layer: number) => cut(volume, lieOf(grid, plane), [layer, layer], 'slice');

  it('shows an axial slice as it was taken', () => {
    const section = at('axial', 2);
    expect([section.width, section.height, section.pixelMm]).toEqual([5, 4, [0.5, 0.8]]);
    expect([...section.values]).toEqual(Array.from(volume.slices[2]?.stored ?? []));
  });
  it('shows a coronal one with the head up and the patient’s right on the left', () => {
    const section = at('coronal', 1);
    expect([section.width, section.height, section.pixelMm]).toEqual([5, 4, [0.5, 10]]);
    expect(section.values[0]).toBe(said(patientAt(grid, [0, 1, 3])));
    expect(section.values[4]).toBe(said(patientAt(grid, [4, 1, 3])));
    expect(section.values[15]).toBe(said(patientAt(grid, [0, 1, 0])));
  });
  it('shows a sagittal one with the face on the left', () => {
    const section = at('sagittal', 4);
    expect([section.width, section.height, section.pixelMm]).toEqual([4, 4, [0.8, 10]]);
    expect(section.values[0]).toBe(said(patientAt(grid, [4, 0, 3])));
    expect(section.values[3]).toBe(said(patientAt(grid, [4, 3, 3])));
    expect(section.values[12]).toBe(said(patientAt(grid, [4, 0, 0])));
  });
  it.each([
    ['prone', [-1, 0, 0], [0, -1, 0]],
    ['feet first, seen from above', [-1, 0, 0], [0, 1, 0]],
    ['taken sagittally', [0, 1, 0], [0, 0, -1]],
    ['taken coronally', [1, 0, 0], [0, 0, -1]],
    ['at a slant', [0.96, 0.28, 0], [-0.28, 0.96, 0]],
  ] as [string, [number, number, number], [number, number, number]][])('hangs a stack %s the same way', (_, rowCosine, columnCosine) => {
    const normal: Vector = [rowCosine[1] * columnCosine[2] - rowCosine[2] * columnCosine[1], rowCosine[2] * columnCosine[0] - rowCosine[0] * columnCosine[2], rowCosine[0] * columnCosine[1] - rowCosine[1] * columnCosine[0]];
    const frames = stack([3, 1, 0, 2].map((n) => [5 + 2 * n * normal[0], 6 + 2 * n * normal[1], 7 + 2 * n * normal[2]]), { rowCosine, columnCosine });
    const { grid: turnedGrid } = found(frames);
    const places = speaking(turnedGrid);
    for (const [plane, right, down] of [['axial', 0, 1], ['coronal', 0, 2], ['sagittal', 1, 2]] as const) {
      const lie = lieOf(turnedGrid, plane);
      const section = cut(places, lie, [1, 1], 'slice');
      const index = (x: number, y: number): Vector => {
        const out: [number, number, number] = [1, 1, 1];
        out[lie.right] = lie.rightFlipped ? section.width - 1 - x : x;
        out[lie.down] = lie.downFlipped ? section.height - 1 - y : y;
        return out;
      };
      const corner = patientAt(turnedGrid, index(0, 0));
      const aside = patientAt(turnedGrid, index(1, 0));
      const below = patientAt(turnedGrid, index(0, 1));
      expect(section.values[0]).toBe(said(corner));
      expect(section.values[1]).toBe(said(aside));
      expect(section.values[section.width]).toBe(said(below));
      expect(aside[right]).toBeGreaterThan(corner[right]);
      if (plane === 'axial') expect(below[down]).toBeGreaterThan(corner[down]);
      else expect(below[down]).toBeLessThan(corner[down]);
      expect(section.pixelMm[0]).toBeCloseTo(Math.hypot(...aside.map((value, axis) => value - (corner[axis] ?? 0))), 6);
    }
  });
});

describe('slabs', () => {
  const grid = found(stack(rising([0, 1, 2, 3, 4, 5, 6, 7]))).grid;
  /** HU = 100 k + i, stored with slope 2 and intercept -50; voxel (3, 2) of slice 5 is padding. */
  const hu = (i: number, k: number) => 100 * k + 2 * i;
  const slices = Array.from({ length: 8 }, (_, k): Slice => ({
    stored: Int16Array.from({ length: 20 }, (__, at) => (k === 5 && at === 13 ? -2000 : (hu(at % 5, k) + 50) / 2)), slope: 2, intercept: -50, padding: [-2000, -2000],
  }));
  const volume: Volume = { grid, slices };
  const axial = lieOf(grid, 'axial');
  it('have the asked thickness in whole layers', () => {
    expect(slabOf(8, 1, 4, 0)).toEqual([4, 4]);
    expect(slabOf(8, 1, 4, 5)).toEqual([2, 6]);
    expect(slabOf(8, 1, 7, 5)).toEqual([5, 7]);
    expect(slabOf(8, 1.25, 4, 5)).toEqual([3, 6]);
    expect(slabOf(8, 5, 4, 5)).toEqual([4, 4]);
    expect(slabOf(8, 5, 4, 20)).toEqual([3, 6]);
    expect(slabOf(8, 1, 4, Infinity)).toEqual([0, 7]);
  });
  it('keep the highest, the lowest, or the mean', () => {
    const of = (projection: 'max' | 'min' | 'mean') => [...cut(volume, axial, [3, 5], projection).values.slice(0, 5)];
    expect(of('max')).toEqual([500, 502, 504, 506, 508]);
    expect(of('min')).toEqual([300, 302, 304, 306, 308]);
    expect(of('mean')).toEqual([400, 402, 404, 406, 408]);
  });
  it('leave padding out and show nothing where there is nothing else', () => {
    expect(cut(volume, axial, [3, 5], 'max').values[13]).toBe(406);
    expect(cut(volume, axial, [3, 5], 'mean').values[13]).toBe(356);
    expect(cut(volume, axial, [5, 5], 'slice').values[13]).toBeNaN();
    expect(voxel(volume, 3, 2, 5)).toBeNaN();
  });
  it('project across slices in a coronal plane too', () => {
    const section = cut(volume, lieOf(grid, 'coronal'), [0, 3], 'max');
    expect([...section.values.slice(0, 5)]).toEqual([700, 702, 704, 706, 708]);
  });
});

describe('any plane', () => {
  const grid = found(stack(rising([0, 10, 20, 30]))).grid;
  const linear: Volume = {
    grid,
    slices: Array.from({ length: 4 }, (_, k): Slice => ({ stored: Float64Array.from({ length: 20 }, (__, at) => { const [x, y, z] = patientAt(grid, [at % 5, Math.floor(at / 5), k]); return 3 * x - 2 * y + 0.5 * z; }), slope: 1, intercept: 7, padding: null })),
  };
  const truth = ([x, y, z]: Vector) => 3 * x - 2 * y + 0.5 * z + 7;
  it('gives a linear field exactly, at a slant and between slices', () => {
    const plane = { origin: [-9.5, -19.5, 4] as Vector, right: [0.2, 0.1, 3] as Vector, down: [0.3, 0.3, 1] as Vector, width: 4, height: 3 };
    const values = sampled(linear, plane);
    for (let row = 0; row < 3; row += 1) for (let column = 0; column < 4; column += 1) expect(values[row * 4 + column]).toBeCloseTo(truth([-9.5 + 0.2 * column + 0.3 * row, -19.5 + 0.1 * column + 0.3 * row, 4 + 3 * column + row]), 4);
  });
  it('says nothing outside, and something at the very edge', () => {
    expect(between(linear, [0, 0, 3])).toBeCloseTo(truth(patientAt(grid, [0, 0, 3])), 6);
    expect(between(linear, [4, 3, 3.0000000001])).toBeCloseTo(truth(patientAt(grid, [4, 3, 3])), 6);
    expect(between(linear, [4.2, 3, 3])).toBeNaN();
    expect(between(linear, [0, 0, -0.1])).toBeNaN();
  });
  it('follows a rigid movement between two scans', () => {
    const plane = { origin: [-9, -19, 10] as Vector, right: [0.5, 0, 0] as Vector, down: [0, 0.5, 0] as Vector, width: 2, height: 2 };
    const moved = sampled(linear, plane, ([x, y, z]) => [x + 0.25, y, z + 5]);
    expect(moved[0]).toBeCloseTo(truth([-8.75, -19, 15]), 4);
    expect(moved[3]).toBeCloseTo(truth([-8.25, -18.5, 15]), 4);
  });
});
