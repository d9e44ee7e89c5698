import { describe, expect, it } from 'vitest';
import { en, zh } from '../src/i18n';
import { emptyText, inFront, inOrder, percent, volumeOf, type JoinedList, type JoinedRow } from '../src/study/joined';

const row = (id: string, more: Partial<JoinedRow>): JoinedRow => ({
  id, task: 'follow_up', state: 'ok', at: '', days: 1, carrier: true, reason: null,
  other: { study: 's', study_date: '20260101', study_time: '', modality: 'CT', description: '' }, ...more,
});
const list = (more: Partial<JoinedList>): JoinedList => ({ automatic: true, film_ct_days: 90, looking: false, rows: [], ...more });

describe('an empty list', () => {
  const answers = [emptyText(list({ automatic: false }), true), emptyText(list({}), false), emptyText(list({ looking: true }), true), emptyText(list({}), true)];
  it('says which of four reasons it has', () => expect(answers).toEqual(['joined.off', 'joined.later', 'joined.looking', 'joined.none']));
  it('in words that differ', () => {
    for (const texts of [zh, en]) expect(new Set(answers.map((key) => texts[key])).size).toBe(4);
  });
});

it('states of a comparison have words of their own, and what failed never reads like no change', () => {
  const states = ['waiting', 'running', 'ok', 'failed', 'refused', 'not_applicable'] as const;
  for (const texts of [zh, en]) expect(new Set(states.map((state) => texts[`joined.state.${state}`])).size).toBe(states.length);
  for (const key of ['joined.failedLong', 'joined.notApplicableLong'] as const) {
    expect(zh[key]).toContain('不代表没有变化');
    expect(en[key]).toContain('not mean that nothing changed');
  }
});

it('what this study carries stands first, what is done before what is on its way', () => {
  const rows = [row('a', { carrier: false }), row('b', { state: 'waiting' }), row('c', { task: 'joint' }), row('d', {}), row('e', { state: 'failed' })];
  expect(inOrder(rows).map((one) => one.id)).toEqual(['d', 'c', 'e', 'b', 'a']);
});

it('a share of change has its sign', () => expect([0.8, -0.347, 0.001, null, NaN].map(percent)).toEqual(['+80 %', '−35 %', '±0 %', '—', '—']));

it('a volume has its interval only where one lesion states it', () => {
  const lesion = { id: 3, kind: 'mass', centroid_mm: [0, 0, 0] as [number, number, number], volume_ml: 2, long_axis_mm: 1, short_axis_mm: 1, mean_hu: 0, location: '', probability: 1, intervals: { volume_ml: [1.6, 2.4] as [number, number] } };
  const side = { study_date: '', slice_spacing_mm: 1, lesions: { '3': lesion } };
  expect(volumeOf(side, [3], 2)).toEqual({ ml: 2, interval: [1.6, 2.4] });
  expect(volumeOf(side, [3, 4], 5)).toEqual({ ml: 5, interval: null });
  expect(volumeOf(side, [], null)).toBeNull();
});

it('the head is up and the patient’s right on the left', () => {
  const front = { left_mm: -150, top_mm: 300, width_mm: 300, height_mm: 320 };
  expect(inFront(front, -150, 300)).toEqual([0, 0]);
  expect(inFront(front, 150, -20)).toEqual([300, 320]);
});
