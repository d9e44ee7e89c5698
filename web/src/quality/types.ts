/** Quality as the server says it: verdict with what to do, requests to the modality room, statistics. */
import type { PublicMessage } from '../api/types';

export type Action = 'repeat' | 'resend' | 'reconstruct' | 'decide' | 'device' | 'none';
export type RequestState = 'requested' | 'acknowledged' | 'done' | 'refused' | 'withdrawn';

export interface Advised extends PublicMessage {
  severity: 'info' | 'warn' | 'reject';
  action: Action;
  advice_zh: string;
  advice_en: string;
  metric?: string | null;
  value?: number | null;
  limit?: number | null;
}

export interface RepeatRequest {
  id: string;
  study: string;
  ask: 'repeat' | 'resend';
  origin: 'automatic' | 'physician';
  name: string;
  at: string;
  note: string;
  state: RequestState;
  seen_at: string;
  seen_name: string;
  closed_at: string;
  closed_name: string;
  reason: string;
  reason_zh: string;
  reason_en: string;
  closing_note: string;
  new_study: string;
  reasons: Omit<Advised, 'severity'>[];
  patient_name: string;
  patient_id: string;
  sex: string;
  birth_date: string;
  modality: string;
  description: string;
  manufacturer: string;
  model: string;
  station: string;
  source_ae: string;
  study_date: string;
  study_time: string;
}

export interface Closing {
  code: string;
  zh: string;
  en: string;
}

export interface Quality {
  verdict: '' | 'pass' | 'warn' | 'reject' | 'failed';
  reasons: Advised[];
  requests: RepeatRequest[];
  closings: Closing[];
}

/** What the room's stream says: the whole list, or only that the line stands. */
export interface RoomNews {
  now: string;
  beat_s: number;
  open?: RepeatRequest[];
}

export interface Rate {
  part: number;
  whole: number;
  share: number;
  low: number;
  high: number;
}

export interface CountLine {
  group: Record<string, string>;
  studies: number;
  judged: number;
  pass: number;
  warn: number;
  reject: number;
  failed: number;
  asked: number;
  done: number;
  refused: number;
  withdrawn: number;
  reject_rate: Rate | null;
  asked_rate: Rate | null;
  small: boolean;
  reasons: { code: string; count: number }[];
}

export interface Counts {
  by: 'device' | 'operator';
  at: string;
  rows: CountLine[];
  total: CountLine;
  advice: Record<string, { zh: string; en: string }>;
  staff: boolean;
}
