import { describe, expect, it } from 'vitest';
import type { AiState, Analysis } from '../src/api/types';
import en from '../src/i18n/en.json';
import zh from '../src/i18n/zh.json';
import { answerOf, methodOf } from '../src/study/answer';

const base: Analysis = { study: '1', modality: 'CT', status: 'ok', reason: null, qc: null, tb: null, lesions: null, series: null, method: null, seconds: {} };
const tb = { score: 0.9, threshold: 0.4, positive: true, model: 'm', version: '1', calibration_set: 'c' };
const lesion = { id: 1, kind: 'cavity', centroid_mm: [0, 0, 0] as [number, number, number], volume_ml: 1, long_axis_mm: 1, short_axis_mm: 1, mean_hu: 1, location: 'x', probability: 1 };

describe('the answer', () => {
  const answers: Record<string, string> = {
    none: answerOf('ok', { ...base, lesions: [] }).title,
    found: answerOf('ok', { ...base, lesions: [lesion] }).title,
    positive: answerOf('ok', { ...base, tb }).title,
    below: answerOf('ok', { ...base, tb: { ...tb, positive: false } }).title,
    notComputed: answerOf('ok', base).title,
    ...Object.fromEntries((['waiting', 'running', 'failed', 'refused', 'not_applicable'] as AiState[]).map((ai) => [ai, answerOf(ai, null).title])),
  };
  it('is different for every different state, in both languages', () => {
    for (const texts of [zh, en]) {
      const said = Object.values(answers).map((key) => texts[key as keyof typeof zh]);
      expect(new Set(said).size).toBe(said.length);
    }
  });
  it('does not show a stale finding while the state is not ok', () => expect(answerOf('failed', { ...base, lesions: [lesion] })).toEqual({ title: 'verdict.failed', facts: {}, attention: false }));
  it('calls for attention only when something was found', () => {
    expect(answerOf('ok', { ...base, lesions: [] }).attention).toBe(false);
    expect(answerOf('ok', { ...base, lesions: [lesion] })).toEqual({ title: 'verdict.lesions', facts: { n: 1 }, attention: true });
  });
  it('never says more than suspected, and never that disease is ruled out', () => {
    expect(zh['verdict.tbPositive']).toContain('疑似');
    expect(zh['finding.suspected']).toContain('疑似');
    expect(en['verdict.tbPositive']).toContain('suspected');
    for (const key of ['verdict.tbBelow', 'verdict.none'] as const) {
      expect(zh[key]).toContain('不等于排除');
      expect(en[key]).toContain('does not rule out');
    }
  });
});

describe('the method', () => {
  it('prefers what the score itself states', () => expect(methodOf({ ...base, tb, method: { model: 'x', version: '0' } })).toMatchObject({ model: 'm', version: '1', threshold: 0.4, calibrationSet: 'c' }));
  it('is research only unless it says otherwise', () => {
    expect(methodOf(base).researchOnly).toBe(true);
    expect(methodOf({ ...base, method: { research_only: false } }).researchOnly).toBe(false);
    expect(methodOf(base).model).toBe('—');
  });
});
