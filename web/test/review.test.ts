import { describe, expect, it } from 'vitest';
import type { Lesion } from '../src/api/types';
import { areaOf, type Ring } from '../src/review/outline';
import { entriesOf, formOf } from '../src/review/facts';
import type { Fact } from '../src/review/types';
import { changesOf, followUpOf, shareOf } from '../src/study/changes';
import type { Comparison, JoinedRow } from '../src/study/joined';
import { type Frames, accepted, acceptedRest, added, begun, countsOf, described, did, drawn, filledIn, historyOf, itemOf, merged, redone, rejected, restored, separated, split, submissionOf, undone, unfinished, wholeRejected } from '../src/review/work';

const square = (x: number, y: number, edge: number): Ring => [[x, y], [x + edge, y], [x + edge, y + edge], [x, y + edge]];
const lesion = (id: number): Lesion => ({ id, kind: 'solid_nodule', centroid_mm: [0, 0, 0], volume_ml: 1, long_axis_mm: 1, short_axis_mm: 1, mean_hu: 0, location: 'right_upper_zone', probability: 0.5 });
const start = () => begun('', 1, [lesion(1), lesion(2)], new Map<number, Frames>([[1, { 'a/1': [square(0, 0, 10)], 'b/1': [square(0, 0, 10)] }], [2, { 'a/1': [square(20, 0, 5)] }]]));

describe('a review', () => {
  it('begins undecided and is finished when every lesion is decided', () => {
    const work = start();
    expect(countsOf(work)).toMatchObject({ undecided: 2 });
    expect(unfinished(acceptedRest(rejected(work, 2, 'vessel')))).toEqual([]);
    expect(countsOf(acceptedRest(rejected(work, 2, 'vessel')))).toEqual({ accepted: 1, changed: 0, rejected: 1, added: 0, undecided: 0 });
  });
  it('an edit is a change, and accepting it keeps the change', () => {
    const work = accepted(drawn(start(), 1, 'a/1', [square(0, 0, 8)]), 1);
    expect(itemOf(work, 1)?.decision).toBe('changed');
    expect(submissionOf(work, []).lesions[0]?.outlines).toEqual({ 'a/1': [square(0, 0, 8)], 'b/1': [square(0, 0, 10)] });
    expect(submissionOf(work, []).lesions[1]?.outlines).toBeNull();
    expect(Object.keys(itemOf(drawn(work, 1, 'a/1', []), 1)?.frames ?? {})).toEqual(['b/1']);
  });
  it('another kind is a change too', () => {
    expect(itemOf(described(start(), 1, 'mass', 'right_upper_zone'), 1)).toMatchObject({ decision: 'changed', kind: 'mass' });
    expect(itemOf(described(start(), 1, 'solid_nodule', 'right_upper_zone'), 1)?.decision).toBeNull();
  });
  it('a lesion that was added needs an outline, and taking it out leaves nothing', () => {
    const { work, id } = added(start(), 'cavity', 'left_upper_zone');
    expect(id).toBe(3);
    expect(unfinished(acceptedRest(work))).toEqual([3]);
    expect(unfinished(acceptedRest(filledIn(work, 3, { 'c/1': [square(0, 0, 3)] })))).toEqual([]);
    expect(itemOf(rejected(work, 3, 'other'), 3)).toBeUndefined();
  });
  it('merging unites the outlines and says where they came from', () => {
    const work = merged(start(), 1, 2);
    expect(itemOf(work, 1)).toMatchObject({ decision: 'changed', from: [2] });
    expect(itemOf(work, 2)).toMatchObject({ decision: 'rejected', reason: 'merged' });
    expect(areaOf(itemOf(work, 1)?.frames['a/1'] ?? [])).toBeCloseTo(125, 6);
  });
  it('a split gives a new lesion of the same kind', () => {
    const work = split(start(), 1, 'a/1', [square(0, 0, 4)], [square(5, 0, 4)]);
    expect(itemOf(work, 3)).toMatchObject({ kind: 'solid_nodule', decision: 'added', from: [1] });
  });
  it('separate bodies become lesions; what overlaps from slice to slice stays together', () => {
    const frames = { 'a/1': [square(0, 0, 10), square(50, 0, 4)], 'b/1': [square(5, 0, 10)], 'c/1': [square(51, 0, 4)] };
    const work = separated(begun('', 1, [lesion(1)], new Map([[1, frames]])), 1, ['a/1', 'b/1', 'c/1']);
    expect(work.items.map((item) => Object.keys(item.frames))).toEqual([['a/1', 'b/1'], ['a/1'], ['c/1']]);
    expect(separated(start(), 2, ['a/1', 'b/1'])).toEqual(start());
  });
  it('steps can be taken back and forth', () => {
    const one = did(historyOf(start()), accepted(start(), 1));
    const two = did(one, rejected(one.present, 2, 'vessel'));
    expect(undone(two).present).toEqual(one.present);
    expect(redone(undone(two)).present).toEqual(two.present);
    expect(undone(historyOf(start())).present).toEqual(start());
  });
  it('survives as a draft, and what is no draft is refused', () => {
    const work = drawn(start(), 1, 'a/1', [square(0, 0, 8)]);
    expect(restored(JSON.parse(JSON.stringify(work)))).toEqual(work);
    expect(restored({ lesions: [] })).toBeNull();
    expect(restored(null)).toBeNull();
  });
  it('rejected as a whole it is finished, carries no decision on single lesions, and can be taken back', () => {
    const work = wholeRejected(rejected(start(), 2, 'vessel'), 'false_findings');
    expect(unfinished(work)).toEqual([]);
    expect(submissionOf(work, [])).toMatchObject({ rejected: true, reason: 'false_findings', lesions: [] });
    expect(submissionOf(wholeRejected(work, ''), [])).toMatchObject({ rejected: false, lesions: [{ id: 1 }, { id: 2, decision: 'rejected' }] });
    const older = JSON.parse(JSON.stringify({ ...work, rejected: undefined })) as unknown;
    expect(restored(older)?.rejected).toBe('');
  });
});

describe('facts of the case', () => {
  const known: Fact[] = [{ code: 'hiv', value: 'negative', on_date: '', note: '', source: 'person', name: '陈', at: '' }];
  it('only what differs from the record is recorded anew', () => {
    const form = formOf(known);
    expect(entriesOf(form, known)).toEqual([]);
    expect(entriesOf({ ...form, hiv: { ...form.hiv, value: 'positive' }, onset: { value: ' 咳嗽 ', date: '2026-10-01', note: '' } }, known)).toEqual([
      { code: 'onset', value: '咳嗽', date: '2026-10-01', note: '' },
      { code: 'hiv', value: 'positive', date: '', note: '' },
    ]);
  });
  it('a date or a note without an answer is no fact, but an onset may be a date alone', () => {
    const form = formOf([]);
    expect(entriesOf({ ...form, hiv: { value: '', date: '2026-10-01', note: 'x' }, onset: { value: '', date: '2026-10-01', note: '' } }, [])).toMatchObject([{ code: 'onset' }]);
  });
  it('taking a fact away is not possible: what was said stays', () => {
    expect(entriesOf({ ...formOf(known), hiv: { value: '', date: '', note: '' } }, known)).toEqual([]);
  });
});

describe('change since the prior', () => {
  const row = (id: string, more: Partial<JoinedRow>): JoinedRow => ({ id, task: 'follow_up', state: 'ok', at: '', days: 1, carrier: true, reason: null, other: { study: 's', study_date: '20260101', study_time: '', modality: 'CT', description: '' }, ...more });
  const change = { verdict_zh: '', verdict_en: '', kind_prior: null, kind_current: null, volume_current_ml: 3, doubling_time_days: null, rule: '' };
  const found = {
    ...row('f', {}), notes: [], pictures: [],
    result: { changes: [
      { ...change, verdict: 'growth', prior_ids: [9], current_ids: [1], volume_prior_ml: 2, volume_change: 0.5 },
      { ...change, verdict: 'growth', prior_ids: [8], current_ids: [2, 3], volume_prior_ml: 2, volume_change: 0.5 },
    ] },
  } as unknown as Comparison;
  it('is of the newest prior CT that this study carries', () => {
    const older = row('old', {});
    const newer = row('new', { other: { ...older.other, study_date: '20260601' } });
    expect(followUpOf([older, newer, row('x', { carrier: false }), row('y', { state: 'failed' }), row('z', { task: 'joint' })])?.id).toBe('new');
    expect(followUpOf([])).toBeNull();
  });
  it('follows an edit where the lesion has an earlier volume of its own, and only there', () => {
    const changes = changesOf(found);
    const [one, two] = [changes.get(1), changes.get(2)];
    if (one === undefined || two === undefined) throw new Error('both have a change');
    expect(one.share).toBe(0.5);
    expect(shareOf(one, 1)).toBeCloseTo(-0.5, 9);
    expect(shareOf(two, 1)).toBeNull();
    expect(changes.size).toBe(3);
    expect(changesOf(null).size).toBe(0);
  });
});
