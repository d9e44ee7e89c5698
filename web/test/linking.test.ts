import { describe, expect, it } from 'vitest';
import { LAYOUTS, CELLS, partsOf, partsReducer } from '../src/study/layout';
import { follows, naturalShift, shiftOf, UNSHIFTED } from '../src/study/linking';
import type { Frame } from '../src/viewer/frames';

const axial = (z: number, frameOfReference = '1.2'): Frame => ({
  imageId: `i${z}`, key: `k${z}/1`, rows: 4, columns: 4, rowCosine: [1, 0, 0], columnCosine: [0, 1, 0], position: [0, 0, z],
  frameOfReference, patientOrientation: null, thicknessMm: 1, spacingMm: [1, 1], spacingOf: 'patient',
});
const stack = (from: number, step: number, count: number, frame?: string) => Array.from({ length: count }, (_, index) => axial(from + step * index, frame));
const sagittal = (x: number): Frame => ({ ...axial(0), rowCosine: [0, 1, 0], columnCosine: [0, 0, -1], position: [x, 0, 0] });
const projection = (frame: Frame): Frame => ({ ...frame, rowCosine: null, columnCosine: null, position: null });

describe('linked scrolling', () => {
  it('goes by position in one frame of reference, whatever the spacing and the order', () => {
    const lead = stack(-100, 5, 41);
    const thin = stack(100, -1.25, 161); // feet last in one, first in the other
    for (const at of [0, 7, 20, 40]) {
      const to = follows(lead, { frames: lead, at, shift: UNSHIFTED }, { frames: thin, shift: naturalShift(lead, thin) });
      expect(thin[to ?? -1]?.position?.[2]).toBe(lead[at]?.position?.[2]);
    }
  });

  it('stays at the nearest end where the other series ends earlier', () => {
    const [lead, short] = [stack(0, 1, 300), stack(100, 1, 20)];
    expect(follows(lead, { frames: lead, at: 0, shift: UNSHIFTED }, { frames: short, shift: naturalShift(lead, short) })).toBe(0);
    expect(follows(lead, { frames: lead, at: 299, shift: UNSHIFTED }, { frames: short, shift: naturalShift(lead, short) })).toBe(19);
  });

  it('lays the middles on each other in another frame of reference', () => {
    const lead = stack(-100, 5, 41);
    const prior = stack(1000, 5, 61, '9.9');
    expect(follows(lead, { frames: lead, at: 20, shift: UNSHIFTED }, { frames: prior, shift: naturalShift(lead, prior) })).toBe(30);
    expect(follows(lead, { frames: lead, at: 22, shift: UNSHIFTED }, { frames: prior, shift: naturalShift(lead, prior) })).toBe(32);
  });

  it('goes on from where two parts were put, also when the other one leads', () => {
    const [lead, prior] = [stack(-100, 5, 41), stack(1000, 2.5, 121, '9.9')];
    const shift = shiftOf(lead, { frames: lead, at: 10, shift: UNSHIFTED }, { frames: prior, at: 50 });
    expect(follows(lead, { frames: lead, at: 12, shift: UNSHIFTED }, { frames: prior, shift })).toBe(54);
    expect(follows(lead, { frames: prior, at: 50, shift }, { frames: lead, shift: UNSHIFTED })).toBe(10);
    expect(follows(lead, { frames: prior, at: 54, shift }, { frames: lead, shift: UNSHIFTED })).toBe(12);
  });

  it('turns with a series whose normal points the other way', () => {
    const lead = stack(0, 1, 50);
    const turned = stack(0, 1, 50).map((frame): Frame => ({ ...frame, rowCosine: [-1, 0, 0] }));
    for (const at of [0, 13, 49]) expect(follows(lead, { frames: lead, at, shift: UNSHIFTED }, { frames: turned, shift: naturalShift(lead, turned) })).toBe(at);
  });

  it('does not drag slices along that cross', () => {
    const [lead, across] = [stack(0, 1, 50), [sagittal(-10), sagittal(0)]];
    expect(follows(lead, { frames: lead, at: 9, shift: UNSHIFTED }, { frames: across, shift: naturalShift(lead, across) })).toBeNull();
  });

  it('goes slice by slice where there is no geometry', () => {
    const [lead, other] = [stack(0, 1, 9).map(projection), stack(0, 1, 5).map(projection)];
    expect(follows(lead, { frames: lead, at: 5, shift: UNSHIFTED }, { frames: other, shift: naturalShift(lead, other) })).toBe(3);
    expect(follows(lead, { frames: lead, at: 8, shift: UNSHIFTED }, { frames: other, shift: naturalShift(lead, other) })).toBe(4);
  });
});

describe('layouts', () => {
  const series = ['a', 'b', 'c'];

  it('fill new parts with what is not shown, then with the active one, and link them', () => {
    let parts = partsReducer(partsOf('b'), { step: 'layout', layout: '2x2', series });
    expect(parts.cells).toEqual(['b', 'a', 'c', 'b']);
    expect(parts.linked).toBe(true);
    parts = partsReducer(parts, { step: 'link', linked: false });
    expect(partsReducer(parts, { step: 'layout', layout: '1x2', series }).linked).toBe(false);
  });

  it('keep what is looked at when parts go, and find the others again', () => {
    const four = partsReducer(partsReducer(partsOf('a'), { step: 'layout', layout: '2x2', series }), { step: 'activate', cell: 2 });
    const one = partsReducer(four, { step: 'layout', layout: '1x1', series });
    expect(one.cells[one.active]).toBe('c');
    const again = partsReducer(one, { step: 'layout', layout: '2x2', series });
    expect(new Set(again.cells)).toEqual(new Set(series));
  });

  it('show another series in the active part only', () => {
    const two = partsReducer(partsReducer(partsOf('a'), { step: 'layout', layout: '1x2', series }), { step: 'activate', cell: 1 });
    expect(partsReducer(two, { step: 'show', uid: 'c' }).cells).toEqual(['a', 'c']);
  });

  it('lay the prior on the right and link it', () => {
    expect(partsReducer(partsOf('a'), { step: 'compare', left: 'a', right: 'p' })).toEqual({ layout: '1x2', cells: ['a', 'p'], active: 0, linked: true });
  });

  it('have as many parts as their names say', () => {
    for (const name of LAYOUTS) expect(CELLS[name]).toBe(name.split('x').map(Number).reduce((a, b) => a * b, 1));
  });
});
