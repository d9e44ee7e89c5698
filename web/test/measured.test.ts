import { describe, expect, it } from 'vitest';
import { bothOf, disagreements, foreignOf, isKept, measureOf, numbersOf, saveOf, type Kept, type KeptList } from '../src/measured/kept';
import { told } from '../src/measured/told';
import { framesOf, type Frame } from '../src/viewer/frames';
import { draw, NOTHING_DRAWN, type Drawing, type Measure, type Point } from '../src/viewer/measure';
import type { Sampler } from '../src/viewer/readings';

const kept = (id: string, points: Point[] = [[0, 0], [3, 4]], note = ''): Kept => ({ id, frame: 'f/1', series: 's', kind: 'length', points, note, numbers: { length: { value: 5, unit: 'mm' } }, refusal: '' });
const list = (...measures: Kept[]): KeptList => ({ by: 'li', name: '李明', version: 3, at: '', sent_version: 0, sent_at: '', state: '', measures });
const el = (...Value: unknown[]) => ({ vr: 'XX', Value });
const frameWith = (more: Record<string, { vr: string; Value: unknown[] }>): Frame => {
  const frame = framesOf('', '1', { series_uid: '9', modality: 'DX', number: 1, description: '', instances: [{ '00080018': el('1'), '00280010': el(9), '00280011': el(9), ...more }] })[0]?.frame;
  if (frame === undefined) throw new Error('no frame');
  return frame;
};
const CT = frameWith({ '00280030': el('0.5', '0.8'), '00200037': el(1, 0, 0, 0, 1, 0) });

describe('what is kept', () => {
  it('is the same whatever the order and the blanks of a note', () => {
    const mine = [measureOf(kept('b')), { ...measureOf(kept('a')), text: ' ' }];
    expect(isKept(mine, [kept('a'), kept('b')])).toBe(true);
    expect(isKept(mine.slice(1), [kept('a'), kept('b')])).toBe(false);
    expect(isKept(mine, [kept('a'), kept('b', [[0, 0], [3, 5]])])).toBe(false);
    expect(isKept(mine, [kept('a', undefined, '空洞'), kept('b')])).toBe(false);
  });
  it('goes out whole, under the version it was made on', () => {
    expect(saveOf(3, [measureOf(kept('a', undefined, 'x'))])).toEqual({ version: 3, measures: [{ id: 'a', frame: 'f/1', kind: 'length', points: [[0, 0], [3, 4]], note: 'x' }] });
  });
  it('of another person carries the name and an id of its own', () => {
    expect(foreignOf(list(kept('a')))).toMatchObject([{ id: 'li a', name: '李明', numbers: { length: { value: 5 } } }]);
  });
});

describe('two windows', () => {
  it('keep both: the same stands once, what differs twice', () => {
    const mine: Measure[] = [measureOf(kept('a')), measureOf(kept('b', [[1, 1], [9, 9]])), measureOf(kept('c'))];
    const both = bothOf(mine, [kept('a'), kept('b'), kept('d')], () => 'new');
    expect(both.map((one) => one.id)).toEqual(['a', 'b', 'd', 'new', 'c']);
    expect(both.find((one) => one.id === 'new')?.points).toEqual([[1, 1], [9, 9]]);
  });
  it('what was kept is no step of the hand: undo does not take it away', () => {
    const drawn = [[1, 1], [5, 5]] as Point[];
    let drawing: Drawing = { ...NOTHING_DRAWN, done: [{ id: 'x', frame: 'f/1', kind: 'length', points: drawn, text: '' }], past: [[]] };
    drawing = draw(drawing, { step: 'adopt', measures: [measureOf(kept('a'))] });
    expect(drawing.done.map((one) => one.id)).toEqual(['a', 'x']);
    drawing = draw(drawing, { step: 'undo' });
    expect(drawing.done.map((one) => one.id)).toEqual(['a']);
    drawing = draw(drawing, { step: 'adopt', measures: [], gone: ['a'] });
    expect([drawing.done, drawing.future.map((state) => state.map((one) => one.id))]).toEqual([[], [['x']]]);
  });
  it('one is taken out of the list, and undo brings it back', () => {
    const before = draw(NOTHING_DRAWN, { step: 'adopt', measures: [measureOf(kept('a')), measureOf(kept('b'))] });
    const after = draw(before, { step: 'removeOne', id: 'a' });
    expect(after.done.map((one) => one.id)).toEqual(['b']);
    expect(draw(after, { step: 'undo' }).done.map((one) => one.id)).toEqual(['a', 'b']);
  });
});

describe('numbers of page and server', () => {
  const pixels: Sampler = { columns: 9, rows: 9, at: (column, row) => (column === 8 ? null : row * 10 + column) };
  it('have the same names and units', () => {
    expect(numbersOf({ kind: 'length', points: [[0, 0], [3, 4]] }, CT, null, 'HU')['length']?.unit).toBe('mm');
    const region = numbersOf({ kind: 'rectangle', points: [[0, 0], [2, 2]] }, CT, pixels, 'HU');
    expect(region['area']?.value).toBeCloseTo(4 * 0.4);
    expect(region['mean']).toEqual({ value: 11, unit: 'HU' });
    expect(Object.keys(numbersOf({ kind: 'rectangle', points: [[0, 0], [2, 2]] }, CT, null, 'HU'))).toEqual(['area']);
    expect(numbersOf({ kind: 'probe', points: [[8, 2]] }, CT, pixels, 'HU')).toEqual({});
    expect(numbersOf({ kind: 'arrow', points: [[8, 2], [1, 1]] }, CT, pixels, 'HU')).toEqual({});
  });
  it('disagree beyond rounding only, and never over what one lacks', () => {
    const mm = (value: number) => ({ length: { value, unit: 'mm' as const } });
    expect(disagreements(mm(31.24), mm(31.26))).toEqual([]);
    expect(disagreements(mm(31.2), mm(32.2))).toEqual(['length']);
    expect(disagreements(mm(5), { length: { value: 5, unit: 'mm-detector' } })).toEqual(['length']);
    expect(disagreements({ angle: { value: 90, unit: 'deg' } }, { angle: { value: 90.2, unit: 'deg' } })).toEqual(['angle']);
    expect(disagreements({ area: { value: 4, unit: 'mm2' } }, { mean: { value: 1, unit: 'HU' } })).toEqual([]);
  });
  it('are said with what they are', () => {
    const t = (key: string, facts?: Record<string, string | number>) => `${key} ${Object.values(facts ?? {}).join('|')}`.trim();
    expect(told(t, { length: { value: 5.25, unit: 'mm' } })).toEqual(['5.3 mm']);
    expect(told(t, { length: { value: 5.25, unit: 'mm-detector' } })).toEqual(['measure.atDetector 5.3']);
    expect(told(t, { value: { value: -812, unit: 'HU' } })).toEqual(['-812 HU']);
    expect(told(t, { area: { value: 3, unit: 'px2' } })).toEqual(['measure.areaPixels 3']);
    expect(told(t, {})).toEqual([]);
  });
});

describe('millimetres', () => {
  it('hold in the patient only where the file says so', () => {
    const of = (more: Parameters<typeof frameWith>[0]) => {
      const { spacingMm, spacingOf } = frameWith(more);
      return [spacingMm, spacingOf];
    };
    expect(of({ '00280030': el('0.2', '0.2') })).toEqual([[0.2, 0.2], 'detector']);
    expect(of({ '00280030': el('0.14', '0.14'), '00181164': el('0.14', '0.14') })).toEqual([[0.14, 0.14], 'detector']);
    expect(of({ '00280030': el('0.13', '0.13'), '00181164': el('0.14', '0.14') })).toEqual([[0.13, 0.13], 'patient']);
    expect(of({ '00280030': el('0.14', '0.14'), '00280A02': el('FIDUCIAL') })).toEqual([[0.14, 0.14], 'patient']);
    expect(of({ '00280030': el('0.5', '0.8'), '00200037': el(1, 0, 0, 0, 1, 0) })).toEqual([[0.5, 0.8], 'patient']);
    expect(of({})).toEqual([null, 'patient']);
  });
});
