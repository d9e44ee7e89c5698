/** What became of each lesion since the prior CT, as the comparison states it; by the AI's number of the lesion. Pure. */
import type { Comparison, FollowUp, JoinedRow, VerdictName } from './joined';

export interface Change {
  verdict: VerdictName;
  verdict_zh: string;
  verdict_en: string;
  /** Change of volume, 0.8 = +80 %; null where one of the two was not measured, or there is no earlier one. */
  share: number | null;
  /** Volume then; null where there was none, or several lesions share it: then no new percentage can be made of it. */
  priorMl: number | null;
  since: string;
}
export type Changes = ReadonlyMap<number, Change>;

export const NO_CHANGES: Changes = new Map();

/** The comparison with a prior CT that this study carries: of several the newest prior. */
export function followUpOf(rows: readonly JoinedRow[]): JoinedRow | null {
  const done = rows.filter((row) => row.task === 'follow_up' && row.carrier && row.state === 'ok');
  return [...done].sort((a, b) => b.other.study_date.localeCompare(a.other.study_date))[0] ?? null;
}

export function changesOf(found: Comparison | null): Changes {
  if (found?.task !== 'follow_up') return NO_CHANGES;
  const { changes, prior }: Partial<FollowUp> = found.result;
  const out = new Map<number, Change>();
  for (const one of changes ?? []) {
    const alone = one.current_ids.length === 1;
    for (const id of one.current_ids) {
      out.set(id, { verdict: one.verdict, verdict_zh: one.verdict_zh, verdict_en: one.verdict_en, share: one.volume_change, priorMl: alone ? one.volume_prior_ml : null, since: prior?.study_date ?? found.other.study_date });
    }
  }
  return out;
}

/** The change of a lesion whose outline is another now: its share anew, its verdict no longer said. */
export function shareOf(change: Change, volumeMl: number): number | null {
  return change.priorMl === null || change.priorMl <= 0 ? null : volumeMl / change.priorMl - 1;
}
