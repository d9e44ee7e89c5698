/**
 * What the AI's answer is called. Pure, because this is where "nothing found", "failed", "refused",
 * "not applicable" and "not yet" must never be confused, and where nothing may exceed "suspected".
 */
import type { AiState, Analysis } from '../api/types';
import type { Facts, Key } from '../i18n';

export interface Answer {
  title: Key;
  facts: Facts;
  /** Something was found that a reader should look at. */
  attention: boolean;
}

export function answerOf(ai: AiState, analysis: Analysis | null): Answer {
  const plain = (title: Key): Answer => ({ title, facts: {}, attention: false });
  if (ai !== 'ok') return plain(`verdict.${ai}`);
  if (analysis === null) return plain('verdict.waiting');
  if (analysis.tb !== null) return { ...plain(analysis.tb.positive ? 'verdict.tbPositive' : 'verdict.tbBelow'), attention: analysis.tb.positive };
  if (analysis.lesions === null) return plain('note.nothingComputed');
  const n = analysis.lesions.length;
  return n === 0 ? plain('verdict.none') : { title: 'verdict.lesions', facts: { n }, attention: true };
}

/** Model, version, threshold and calibration set that go with the answer. */
export function methodOf(analysis: Analysis): { model: string; version: string; threshold: number | null; calibrationSet: string; researchOnly: boolean } {
  const source = { ...analysis.method, ...analysis.tb };
  return {
    model: source.model ?? '—',
    version: source.version ?? '—',
    threshold: source.threshold ?? null,
    calibrationSet: source.calibration_set ?? '—',
    // Unsaid means research only: a missing mark must not look like a clearance.
    researchOnly: analysis.method?.research_only !== false,
  };
}
