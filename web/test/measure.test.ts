import { describe, expect, it } from 'vitest';
import { framesOf } from '../src/viewer/frames';
import { draw, movedPoint, NOTHING_DRAWN, toImage, toPane, type Drawing, type Measure, type MeasureKind, type Point } from '../src/viewer/measure';
import { angleOf, areaOf, insideOf, lengthOf, statisticsOf } from '../src/viewer/readings';

const el = (...Value: unknown[]) => ({ vr: 'XX', Value });
const frameWith = (more: Record<string, { vr: string; Value: unknown[] }>) =>
  framesOf('', '1', { series_uid: '9', modality: 'DX', number: 1, description: '', instances: [{ '00080018': el('1'), '00280010': el(9), '00280011': el(9), ...more }] })[0]?.frame;
const hand = (kind: MeasureKind, id = kind as string, aspect = 1) => (drawing: Drawing, step: 'press' | 'move' | 'release', at: Point) => draw(drawing, { step, frame: 'f', kind, at, id, reach: 2, aspect });
const dragged = (kind: MeasureKind, from: Point, to: Point, drawing = NOTHING_DRAWN, aspect = 1) => {
  const one = hand(kind, kind, aspect);
  return one(one(one(drawing, 'press', from), 'move', to), 'release', to);
};

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
    const drawn = dragged('length', [1, 1], [9, 9]);
    expect(drawn.done).toEqual([{ id: 'length', frame: 'f', kind: 'length', points: [[1, 1], [9, 9]], text: '' }]);
    expect([drawn.draft, drawn.selected]).toEqual([null, 'length']);
  });
  it('a click is no length', () => {
    const length = hand('length');
    expect(length(length(NOTHING_DRAWN, 'press', [1, 1]), 'release', [1, 1])).toMatchObject({ done: [], draft: null });
  });
  it('draws an angle in a drag and a click', () => {
    const angle = hand('angle');
    let drawing = angle(angle(NOTHING_DRAWN, 'press', [0, 0]), 'release', [10, 0]);
    expect(drawing.draft?.points).toHaveLength(3);
    drawing = draw(drawing, { step: 'hover', frame: 'f', at: [10, 5] });
    drawing = angle(angle(drawing, 'press', [10, 9]), 'release', [10, 10]);
    expect(drawing.done[0]?.points).toEqual([[0, 0], [10, 0], [10, 10]]);
  });
  it('probes where it clicks', () => expect(hand('probe')(NOTHING_DRAWN, 'press', [3, 4]).done[0]).toMatchObject({ kind: 'probe', points: [[3, 4]] }));
  it('draws a closed line as it goes, and none from a click', () => {
    const pen = hand('contour');
    let drawing = pen(NOTHING_DRAWN, 'press', [0, 0]);
    for (const at of [[5, 0], [5, 0.2], [5, 5], [0, 5]] as Point[]) drawing = pen(drawing, 'move', at);
    expect(pen(drawing, 'release', [0, 5]).done[0]?.points).toEqual([[0, 0], [5, 0], [5, 5], [0, 5]]);
    expect(pen(pen(NOTHING_DRAWN, 'press', [1, 1]), 'release', [1, 1]).done).toEqual([]);
  });
  it('gives the long axis a short one square to it on the patient', () => {
    const [a, b, c, d] = dragged('bidirectional', [0, 0], [10, 10], NOTHING_DRAWN, 2).done[0]?.points as [Point, Point, Point, Point];
    const along = (b[0] - a[0]) * (d[0] - c[0]) + 2 * 2 * (b[1] - a[1]) * (d[1] - c[1]);
    expect(along).toBeCloseTo(0);
    expect(Math.hypot(d[0] - c[0], 2 * (d[1] - c[1]))).toBeCloseTo(0.6 * Math.hypot(10, 20));
  });
  it('takes hold of a handle instead of drawing anew, and undo puts it back', () => {
    const drawn = dragged('length', [0, 0], [10, 0]);
    const moved = dragged('length', [9.5, 0.5], [10, 8], drawn);
    expect(moved.done).toEqual([{ id: 'length', frame: 'f', kind: 'length', points: [[0, 0], [10, 8]], text: '' }]);
    const back = draw(moved, { step: 'undo' });
    expect(back.done[0]?.points).toEqual([[0, 0], [10, 0]]);
    expect(draw(back, { step: 'redo' }).done).toEqual(moved.done);
  });
  it('keeps the axes square when an end is moved', () => {
    const axes = dragged('bidirectional', [0, 0], [10, 0]).done[0] as Measure;
    const turned = movedPoint(axes, 1, [0, 20], 1).points as [Point, Point, Point, Point];
    expect(turned[2][1]).toBeCloseTo(turned[3][1]);
    expect(Math.abs(turned[2][0] - turned[3][0])).toBeCloseTo(12);
    const grown = movedPoint(axes, 2, [3, 9], 1).points as [Point, Point, Point, Point];
    expect(grown[2]).toEqual([3, 9]);
    expect(grown[3][0]).toBeCloseTo(3);
    expect(grown[3][1]).toBeCloseTo(-3);
  });
  it('takes back the draft first, then one step after the other, and can do them again', () => {
    const probe = hand('probe');
    let drawing = hand('length')(probe(NOTHING_DRAWN, 'press', [3, 4]), 'press', [30, 30]);
    drawing = draw(drawing, { step: 'undo' });
    expect([drawing.draft, drawing.done.length]).toEqual([null, 1]);
    const none = draw(drawing, { step: 'undo' });
    expect(none.done).toEqual([]);
    expect(draw(none, { step: 'redo' }).done).toHaveLength(1);
    expect(draw(NOTHING_DRAWN, { step: 'redo' })).toBe(NOTHING_DRAWN);
  });
  it('removes the selected one of the frame, else its last', () => {
    const two = dragged('rectangle', [20, 20], [40, 30], dragged('length', [0, 0], [10, 0]));
    expect(draw(draw(two, { step: 'select', id: 'length' }), { step: 'remove', frame: 'f' }).done.map((one) => one.id)).toEqual(['rectangle']);
    expect(draw(draw(two, { step: 'select', id: null }), { step: 'remove', frame: 'f' }).done.map((one) => one.id)).toEqual(['length']);
    expect(draw(two, { step: 'remove', frame: 'other' })).toBe(two);
  });
  it('keeps the words of an arrow as a step of their own', () => {
    const noted = draw(dragged('arrow', [5, 5], [20, 20]), { step: 'text', id: 'arrow', text: '空洞' });
    expect(noted.done[0]?.text).toBe('空洞');
    expect(draw(noted, { step: 'undo' }).done[0]?.text).toBe('');
  });
  it('finds the place under the pointer again, turned or not', () => {
    const matrix: [number, number, number, number, number, number] = [0, 2, -2, 0, 30, 40];
    const [x, y] = toPane(matrix, [7, 8]);
    expect(toImage(matrix, [x, y])).toEqual([7, 8]);
  });
});

describe('regions', () => {
  const frame = { spacingMm: [2, 0.5] as [number, number], spacingOf: 'patient' as const };
  const pixels = { columns: 20, rows: 20, at: (column: number, row: number) => (column === 5 && row === 5 ? null : column + 100 * row) };
  it('have areas in the patient, whatever the pixels are', () => {
    expect(areaOf({ kind: 'rectangle', points: [[1, 1], [5, 4]] }, frame)).toEqual({ number: 12, unit: 'mm' });
    expect(areaOf({ kind: 'ellipse', points: [[4, 0], [0, 10]] }, frame)?.number).toBeCloseTo(Math.PI * 2 * 5);
    expect(areaOf({ kind: 'contour', points: [[0, 0], [4, 0], [4, 4]] }, { ...frame, spacingMm: null })).toEqual({ number: 8, unit: 'px' });
    expect(areaOf({ kind: 'length', points: [[0, 0], [4, 0]] }, frame)).toBe(null);
  });
  it('count the pixels whose centres lie inside, without padding and beyond no edge', () => {
    const told = statisticsOf({ kind: 'rectangle', points: [[2, 3], [4, 4]] }, pixels);
    expect(told).toMatchObject({ count: 6, mean: 353, min: 302, max: 404 });
    expect(told?.deviation).toBeCloseTo(50.0067, 3);
    expect(statisticsOf({ kind: 'rectangle', points: [[4.5, 4.5], [5.5, 5.5]] }, pixels)).toBe(null);
    expect(statisticsOf({ kind: 'rectangle', points: [[-9, 18.5], [0.2, 99]] }, pixels)).toMatchObject({ count: 1, mean: 1900 });
    expect(statisticsOf({ kind: 'ellipse', points: [[0, 0], [4, 4]] }, pixels)?.count).toBe(13);
    expect(statisticsOf({ kind: 'contour', points: [[0.5, 0.5], [3.5, 0.5], [3.5, 3.5], [0.5, 3.5]] }, pixels)?.count).toBe(9);
  });
  it('know inside from outside in a line that bends in', () => {
    const bay: Point[] = [[0, 0], [10, 0], [10, 10], [5, 2], [0, 10]];
    expect([insideOf(bay, 5, 1), insideOf(bay, 5, 5), insideOf(bay, 1, 6)]).toEqual([true, false, true]);
  });
});
