/** What decides on the reading area: parts, cine, letters of a turned picture, how large it is. */
import { describe, expect, it } from 'vitest';
import type { DicomObject } from '../src/api/types';
import { partsOf, partsReducer, type Parts } from '../src/study/layout';
import { turnedFit } from '../src/viewer/fit';
import { edgeLetters, shownFrame, type Frame } from '../src/viewer/frames';
import { nextFrame, rateOf } from '../src/viewer/useCine';
import { flippedBy, turnedBy } from '../src/viewer/usePane';

const series = ['a', 'b', 'c'];
const laid = (parts: Parts, layout: Parts['layout']) => partsReducer(parts, { step: 'layout', layout, series });

describe('parts', () => {
  it('show what is not shown yet, in the order of the series, then the first again', () => {
    expect(laid(partsOf('b'), '1x2').cells).toEqual(['b', 'a']);
    expect(laid(partsOf('b'), '2x2').cells).toEqual(['b', 'a', 'c', 'b']);
  });
  it('keep the part that is looked at when the others go', () => {
    const third = partsReducer(laid(partsOf('a'), '2x2'), { step: 'activate', cell: 2 });
    const one = laid(third, '1x1');
    expect([one.cells[0], one.active]).toEqual(['c', 0]);
    expect(laid(one, '2x2').cells).toEqual(['c', 'a', 'b', 'a']);
  });
  it('keep the place of the active part where it stays', () => {
    const second = partsReducer(laid(partsOf('a'), '2x2'), { step: 'activate', cell: 1 });
    expect([laid(second, '1x2').active, laid(second, '1x2').cells[1]]).toEqual([1, 'b']);
  });
  it('go together from the start, and stay as they were let go', () => {
    const two = laid(partsOf('a'), '1x2');
    expect(two.linked).toBe(true);
    expect(laid(partsReducer(two, { step: 'link', linked: false }), '2x2').linked).toBe(false);
  });
  it('show a series in the active part only', () => {
    const second = partsReducer(laid(partsOf('a'), '1x2'), { step: 'activate', cell: 1 });
    expect(partsReducer(second, { step: 'show', uid: 'c' }).cells).toEqual(['a', 'c']);
  });
  it('lay two studies side by side, linked', () => {
    expect(partsReducer(partsOf('a'), { step: 'compare', left: 'a', right: 'z' })).toEqual({ layout: '1x2', cells: ['a', 'z'], active: 0, linked: true });
  });
});

describe('cine', () => {
  const says = (tags: Record<string, unknown>): DicomObject => Object.fromEntries(Object.entries(tags).map(([tag, value]) => [tag, { vr: 'IS', Value: [value] }]));
  it('plays as fast as the file wants, in the order of what says it most directly', () => {
    expect(rateOf(says({ '00181063': '40' }))).toBe(25);
    expect(rateOf(says({ '00181063': '40', '00180040': '12' }))).toBe(12);
    expect(rateOf(says({ '00181063': '40', '00180040': '12', '00082144': '20' }))).toBe(20);
  });
  it('plays at 15 where the file says nothing or nonsense, and never beyond 1 to 60', () => {
    for (const nothing of [undefined, {}, says({ '00181063': '0' }), says({ '00181063': 'x' }), says({ '00180040': -3 })]) expect(rateOf(nothing)).toBe(15);
    expect(rateOf(says({ '00181063': '5000' }))).toBe(1);
    expect(rateOf(says({ '00181063': '1' }))).toBe(60);
  });
  it('starts again at the end, and waits rather than leave a frame out', () => {
    expect(nextFrame(3, 4, () => true)).toBe(0);
    expect(nextFrame(1, 4, (index) => index !== 2)).toBe(null);
  });
});

/** Axial head first supine: right is L, down is P. */
const axial: Frame = {
  imageId: 'x', key: 'k/1', rows: 10, columns: 20, rowCosine: [1, 0, 0], columnCosine: [0, 1, 0], position: [0, 0, 0],
  frameOfReference: '', patientOrientation: null, thicknessMm: null, spacingMm: [2, 1], spacingOf: 'patient',
};
const film: Frame = { ...axial, rowCosine: null, columnCosine: null, position: null, patientOrientation: ['L', 'F'] };
/** Image to pane: flipped first, then turned clockwise; pixels are drawn at their size in mm. */
function matrixOf(rotation: number, flipHorizontal: boolean, flipVertical: boolean, [down, right] = axial.spacingMm ?? [1, 1]): [number, number, number, number] {
  const angle = (rotation * Math.PI) / 180;
  const [fx, fy] = [(flipHorizontal ? -1 : 1) * right, (flipVertical ? -1 : 1) * down];
  return [Math.cos(angle) * fx, Math.sin(angle) * fx, -Math.sin(angle) * fy, Math.cos(angle) * fy];
}
const around = (frame: Frame, matrix: [number, number, number, number]) => {
  const edges = edgeLetters(frame, matrix);
  return edges === null ? null : [edges.left, edges.top, edges.right, edges.bottom].join(' ');
};

describe('letters at the edges', () => {
  it.each([
    [0, false, false, 'R A L P'], [90, false, false, 'P R A L'], [180, false, false, 'L P R A'], [270, false, false, 'A L P R'],
    [0, true, false, 'L A R P'], [90, true, false, 'P L A R'], [180, true, false, 'R P L A'], [270, true, false, 'A R P L'],
    [0, false, true, 'R P L A'], [90, false, true, 'A R P L'], [180, false, true, 'L A R P'], [270, false, true, 'P L A R'],
    [0, true, true, 'L P R A'], [90, true, true, 'A L P R'], [180, true, true, 'R A L P'], [270, true, true, 'P R A L'],
  ] as const)('turned by %i°, flipped across %s and down %s: %s', (rotation, across, down, letters) => {
    expect(around(axial, matrixOf(rotation, across, down))).toBe(letters);
    const names: Record<string, string> = { R: 'R', L: 'L', A: 'H', P: 'F' };
    expect(around(film, matrixOf(rotation, across, down))).toBe(letters.replace(/[RLAP]/g, (letter) => names[letter] ?? ''));
  });
  it('name both axes of a slanting picture, the nearer one first', () => {
    expect(around(axial, matrixOf(30, false, false))).toBe('RP AR LA PL');
    expect(around(axial, matrixOf(10, false, false))).toBe('R A L P');
  });
  it('follow what the reader does: a flip after a turn mirrors what is seen', () => {
    const turned = turnedBy({ rotation: 0, flipHorizontal: false, flipVertical: false }, 90);
    const { rotation, flipHorizontal, flipVertical } = flippedBy(turned, 'horizontal');
    expect(around(axial, matrixOf(turned.rotation, false, false))).toBe('P R A L');
    expect(around(axial, matrixOf(rotation, flipHorizontal, flipVertical))).toBe('A R P L');
  });
});

describe('the frame on the screen', () => {
  const other = { ...axial, key: 'k/2' };
  it('is known by its key: while a series is on its way, another one is still seen', () => {
    expect(shownFrame([axial, other], { index: 1, frame: 'k/2' })).toBe(other);
    expect(shownFrame([axial, other], { index: 0, frame: 'k/2' })).toBe(other); // more images came before it
    expect(shownFrame([axial, other], { index: 1, frame: 'z/2' })).toBe(undefined);
    expect(shownFrame([axial], null)).toBe(undefined);
  });
});

describe('a picture that nobody zoomed', () => {
  it('fits its pane upright and turned', () => {
    expect(turnedFit([100, 50], [200, 100], 0)).toBe(1);
    expect(turnedFit([100, 50], [200, 100], 180)).toBeCloseTo(1);
    expect(turnedFit([100, 50], [200, 100], 90)).toBeCloseTo(0.5);
    expect(turnedFit([100, 100], [300, 200], 45)).toBeCloseTo(Math.SQRT1_2);
    expect(turnedFit([0, 100], [300, 200], 45)).toBe(1);
  });
});
