/** A batch of radiographs being read: where the reader stands, and what comes next. Pure. */
import type { AiState, FindingState, QcState, ScreeningDecision } from '../api/types';

export interface Read {
  id: string;
  at: string;
  by: string;
  name: string;
  decision: ScreeningDecision;
  /** The AI's word had been seen in this mode before this decision. */
  ai_shown: boolean;
}

/** What the AI said; the server tells it only when this reader may see it. */
export interface AiSaid {
  ai: AiState;
  finding: FindingState;
  tb_score: number | null;
  tb_positive: boolean | null;
  lesion_count: number | null;
}

export interface Item {
  study: string;
  study_uid: string;
  patient_name: string;
  patient_id: string;
  sex: string;
  birth_date: string;
  study_date: string;
  study_time: string;
  modality: string;
  description: string;
  institution: string;
  qc: QcState;
  urgent: boolean;
  result_version: number;
  read: Read | null;
  ai: AiSaid | null;
}

export interface Tally {
  normal: number;
  suspicious: number;
  repeat: number;
  left: number;
  total: number;
}

export interface Summary {
  batch: string;
  query: string;
  created: string;
  closed: string | null;
  tally: Tally;
}

/** When this site shows the AI's word in this mode. */
export type AiSetting = 'after' | 'before' | 'never';

export interface Batch extends Summary {
  ai_setting: AiSetting;
  items: Item[];
}

export interface Progress {
  items: readonly Item[];
  /** Index shown; `items.length` is the tally at the end. */
  at: number;
  /** Studies decided in this sitting, the last one at the end: what undo goes back through. */
  done: readonly string[];
}

/** Where a batch is taken up again: at the first radiograph without a decision, else at the tally. */
export function begun(items: readonly Item[]): Progress {
  const at = items.findIndex((item) => item.read === null);
  return { items, at: at < 0 ? items.length : at, done: [] };
}

function nextUndecided(items: readonly Item[], from: number): number {
  const later = items.findIndex((item, index) => index >= from && item.read === null);
  if (later >= 0) return later;
  const earlier = items.findIndex((item) => item.read === null);
  return earlier < 0 ? items.length : earlier;
}

const replaced = (items: readonly Item[], item: Item) => items.map((old) => (old.study === item.study ? item : old));

/** A decision was recorded: the next one without a decision is shown. */
export function decided(progress: Progress, item: Item): Progress {
  const items = replaced(progress.items, item);
  const done = [...progress.done.filter((study) => study !== item.study), item.study];
  return { items, at: nextUndecided(items, progress.at + 1), done };
}

/** A decision was taken back: its radiograph is shown again. */
export function takenBack(progress: Progress, item: Item): Progress {
  const items = replaced(progress.items, item);
  return { items, at: items.findIndex((one) => one.study === item.study), done: progress.done.filter((study) => study !== item.study) };
}

export function stepped(progress: Progress, by: 1 | -1): Progress {
  return { ...progress, at: Math.min(Math.max(progress.at + by, 0), progress.items.length) };
}

/** What the server holds now; the reader stays at the radiograph on the screen. */
export function refreshed(progress: Progress, items: readonly Item[]): Progress {
  const study = progress.items[progress.at]?.study;
  const at = items.findIndex((item) => item.study === study);
  return { ...progress, items, at: at < 0 ? Math.min(progress.at, items.length) : at };
}

/** The radiograph that will be shown after a decision on this one: fetched meanwhile. */
export function upcoming(progress: Progress): Item | null {
  const { items, at } = progress;
  return items.find((item, index) => index > at && item.read === null) ?? items.find((item, index) => index !== at && item.read === null) ?? null;
}

/** The last decision of this sitting, for a second look. */
export function lastDecided(progress: Progress): Item | null {
  const study = progress.done.at(-1);
  return progress.items.find((item) => item.study === study && item.read !== null) ?? null;
}

/** Do reader and AI differ? Where the AI has no result, or an image is to be repeated, there is nothing to compare. */
export function differs({ read, ai }: Pick<Item, 'read' | 'ai'>): boolean {
  if (read === null || ai?.ai !== 'ok' || read.decision === 'repeat') return false;
  return read.decision === 'normal' ? ai.finding === 'suspected' : ai.finding === 'clear';
}
