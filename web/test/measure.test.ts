import { describe, expect, it } from 'vitest';
import { framesOf } from '../src/viewer/frames';
import { angleOf, draw, lengthOf, NOTHING_DRAWN, toImage, toPane, type Drawing, type MeasureKind, type Point } from '../src/viewer/measure';

const el = (...Value: unknown[]) => ({ vr: 'XX', Value });
const frameWith = (more: Record<string, { vr: string; Value: unknown[] }>) =>
  framesOf('', '1', { series_uid: '9', modality: 'DX', number: 1, description: '', instances: [{ '00080018': el('1'), '00280010': el(9), '00280011': el(9), ...more }] })[0]?.frame;
const hand = (kind: MeasureKind) => (drawing: Drawing, step: 'press' | 'move' | 'release', at: Point) => draw(drawing, { step, frame: 'f', kind, at, value: -850 });

describe('numbers', () => {
  it('use the spacing of rows down and of columns across', () => {
    const frame = { spacingMm: [2, 0.5] as [number, number], spacingOf: 'patient' as const };
    expect(lengthOf([[0, 0], [4, 0]], frame)).toEqual({ number: 2, unit: 'mm' });
    expect(lengthOf([[0, 0], [0, 4]], frame)).toEqual({ number: 8, unit: 'mm' });
    expect(lengthOf([[0, 0], [3, 0]], { spacingMm: [2, 1], spacingOf: 'detector' })).toEqual({ number: 3, unit: 'mm-detector' });
    expect(lengthOf([[0, 0], [3, 4]], { spacingMm: null, spacingOf: 'patient' })).toEqual({ number: 5, unit: 'px' });
  });
  it('angles are bent by oblong pixels and stay within 180', () => {
    expect(angleOf([[1, 0], [0, 0], [0, 1]], { spacingMm: null }).number).toBeCloseTo(90);
    expect(angleOf([[1, 0], [0, 0], [1, 1]], { spacingMm: [1, 1] }).number).toBeCloseTo(45);
    expect(angleOf([[1, 0], [0, 0], [1, 1]], { spacingMm: [Math.sqrt(3), 1] }).number).toBeCloseTo(60);
    expect(angleOf([[1, 0], [0, 0], [-1, 0]], { spacingMm: null }).number).toBeCloseTo(180);
  });
  it('the patient spacing is preferred to the detector one, and nonsense is none', () => {
    expect(frameWith({ '00280030': el('0.7', '0.8'), '00181164': el('1', '1') })).toMatchObject({ spacingMm: [0.7, 0.8], spacingOf: 'patient' });
    expect(frameWith({ '00181164': el('1', '2') })).toMatchObject({ spacingMm: [1, 2], spacingOf: 'detector' });
    expect(frameWith({ '00280030': el('0', '0.8') })).toMatchObject({ spacingMm: null });
  });
});

describe('the hand', () => {
  it('draws a length in one drag', () => {
    const length = hand('length');
    const drawn = length(length(length(NOTHING_DRAWN, 'press', [1, 1]), 'move', [5, 5]), 'release', [9, 9]);
    expect(drawn.done['f']).toEqual([{ kind: 'length', points: [[1, 1], [9, 9]], value: null }]);
    expect(drawn.draft).toBe(null);
  });
  it('a click is no length', () => {
    const length = hand('length');
    expect(length(length(NOTHING_DRAWN, 'press', [1, 1]), 'release', [1, 1])).toEqual({ done: {}, draft: null });
  });
  it('draws an angle in a drag and a click', () => {
    const angle = hand('angle');
    let drawing = angle(angle(NOTHING_DRAWN, 'press', [0, 0]), 'release', [10, 0]);
    expect(drawing.draft?.points).toHaveLength(3);
    drawing = draw(drawing, { step: 'hover', frame: 'f', at: [10, 5] });
    drawing = angle(angle(drawing, 'press', [10, 9]), 'release', [10, 10]);
    expect(drawing.done['f']?.[0]?.points).toEqual([[0, 0], [10, 0], [10, 10]]);
  });
  it('probes where it clicks', () => expect(hand('probe')(NOTHING_DRAWN, 'press', [3, 4]).done['f']?.[0]).toEqual({ kind: 'probe', points: [[3, 4]], value: -850 }));
  it('takes back the draft first, then the last one', () => {
    const probe = hand('probe');
    let drawing = hand('length')(probe(NOTHING_DRAWN, 'press', [3, 4]), 'press', [1, 1]);
    drawing = draw(drawing, { step: 'undo', frame: 'f' });
    expect([drawing.draft, drawing.done['f']?.length]).toEqual([null, 1]);
    expect(draw(drawing, { step: 'undo', frame: 'f' }).done['f']).toEqual([]);
  });
  it('finds the place under the pointer again, turned or not', () => {
    const matrix: [number, number, number, number, number, number] = [0, 2, -2, 0, 30, 40];
    const [x, y] = toPane(matrix, [7, 8]);
    expect(toImage(matrix, [x, y])).toEqual([7, 8]);
  });
});
