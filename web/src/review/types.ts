/** The review as the server states it. */
import type { CaseSign, Lesion } from '../api/types';
import type { Point } from '../viewer/measure';

export type Decision = 'accepted' | 'changed' | 'rejected' | 'added';
export type Counts = Record<Decision, number>;
/** By frame, rings of [column, row]. */
export type WireOutlines = Record<string, (readonly Point[])[]>;

export interface Said {
  id: number;
  decision: Decision;
  reason: string;
  note: string;
  from: number[];
  lesion: Lesion | null;
  before: Lesion | null;
}

export interface Version {
  id: string;
  version: number;
  at: string;
  by: string;
  name: string;
  decision: 'accepted' | 'changed' | 'rejected';
  reason: string;
  parent: string;
  result_version: number;
  current: boolean;
  replaced_by: string;
  counts: Counts;
  lesions: Said[];
}

export interface Prediction {
  code: string;
  value: string;
  number: number | null;
  interval: [number, number] | null;
  confidence: 'high' | 'moderate' | 'low';
  basis: CaseSign[];
  method: { model?: string; version?: string } | null;
}

export interface Fact {
  code: string;
  value: string;
  on_date: string;
  note: string;
  source: string;
  name: string;
  at: string;
}

export interface Other {
  name: string;
  at: string;
  seconds: number;
}

export interface ReviewRead {
  result: number;
  predictions: Prediction[];
  versions: Version[];
  draft: { parent: string; version: number; at: string; body: unknown } | null;
  others: Other[];
  facts: Fact[];
}
