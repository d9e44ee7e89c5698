/** What a patient's studies say together, as the interface states it; and the pure rules of showing it. */
import type { Lesion, PublicMessage, QcReason } from '../api/types';

export type Task = 'follow_up' | 'joint' | 'fusion';
export type JoinState = 'waiting' | 'running' | 'ok' | 'failed' | 'refused' | 'not_applicable';
export type VerdictName = 'growth' | 'regression' | 'new' | 'resolved' | 'within_repeatability' | 'undetermined';

export interface JoinedRow {
  id: string;
  task: Task;
  state: JoinState;
  at: string;
  days: number | null;
  /** This study carries the comparison (the current CT); otherwise it is the prior, the radiograph, the PET. */
  carrier: boolean;
  reason: PublicMessage | null;
  other: { study: string; study_date: string; study_time: string; modality: string; description: string };
}
export interface JoinedList {
  automatic: boolean;
  film_ct_days: number;
  looking: boolean;
  rows: JoinedRow[];
}

export interface LesionChange {
  verdict: VerdictName;
  verdict_zh: string;
  verdict_en: string;
  prior_ids: number[];
  current_ids: number[];
  kind_prior: string | null;
  kind_current: string | null;
  volume_prior_ml: number | null;
  volume_current_ml: number | null;
  volume_change: number | null;
  doubling_time_days: [number, number, number] | null;
  rule: string;
}
interface Side {
  study_date: string;
  slice_spacing_mm: number;
  lesions: Record<string, Lesion>;
}
export interface FollowUp {
  conclusion_zh: string;
  conclusion_en: string;
  note_zh: string;
  note_en: string;
  reasons: QcReason[];
  changes: LesionChange[] | null;
  lung_ml: [number, number] | null;
  registration: { lung_dice: number; found_share: number; block_correlation: number; residual_median_mm: number; residual_p95_mm: number } | null;
  recist: { category: string; sum_prior_mm: number; sum_current_mm: number; target_ids: number[] } | null;
  prior: Side;
  current: Side;
}

export interface Statement {
  code: string;
  stand: 'agree' | 'disagree' | 'note';
  zh: string;
  en: string;
}
export interface Joint {
  agree: boolean;
  statements: Statement[];
  overlay: {
    status: string;
    reason: PublicMessage | null;
    agreement: number | null;
    lesions: { lesion_id: number; centre_px: [number, number]; ellipse_px: [number, number]; in_image: boolean }[] | null;
    regions: { region: number; front_mm: [number, number, number]; back_mm: [number, number, number]; radius_mm: [number, number] }[] | null;
  } | null;
  film: { rows: number; columns: number };
  front: { left_mm: number; top_mm: number; width_mm: number; height_mm: number };
  regions: { box_px: [number, number, number, number] }[] | null;
  lesions: Lesion[];
}

export interface Focus {
  id: number;
  site: string;
  assessed: boolean;
  lesion: number | null;
  suv_max: number;
  suv_peak: number;
  metabolic_volume_41_ml?: number;
}
export interface Pet {
  status: string;
  reason: PublicMessage | null;
  qc: { reasons: QcReason[] } | null;
  suv: { uptake_min: number | null; liver_mean: number | null; liver_sd: number | null; hot_threshold: number | null } | null;
  alignment: { length_mm: number; angle_deg: number; used: boolean; shared_frame?: boolean; spread_mm: number } | null;
  foci: Focus[] | null;
  sentences: { zh: string; en: string }[];
}

export type Comparison = JoinedRow & { notes: PublicMessage[]; pictures: string[] } & (
    | { task: 'follow_up'; result: Partial<FollowUp> }
    | { task: 'joint'; result: Partial<Joint> }
    | { task: 'fusion'; result: Partial<Pet> }
  );

/** What stands above everything when there is no row to show. */
export function emptyText(list: JoinedList, ended: boolean): 'joined.off' | 'joined.later' | 'joined.looking' | 'joined.none' {
  if (!list.automatic) return 'joined.off';
  if (!ended) return 'joined.later';
  return list.looking ? 'joined.looking' : 'joined.none';
}

/** Done ones before those on their way; of the done ones what was really computed first. */
export function inOrder(rows: readonly JoinedRow[]): JoinedRow[] {
  const tasks: Task[] = ['follow_up', 'joint', 'fusion'];
  const rank = (row: JoinedRow) => (row.state === 'ok' ? 0 : row.state === 'running' || row.state === 'waiting' ? 2 : 1);
  return [...rows].sort((a, b) => Number(b.carrier) - Number(a.carrier) || rank(a) - rank(b) || tasks.indexOf(a.task) - tasks.indexOf(b.task));
}

/** A change of volume with its sign: `+80 %`, `−35 %`; a dash where there is none. */
export function percent(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return '—';
  const value = Math.round(share * 100);
  return `${value > 0 ? '+' : value < 0 ? '−' : '±'}${Math.abs(value)} %`;
}

/** Volume and repeatability interval of a change's lesions in one scan; null where the scan has none. */
export function volumeOf(side: Side, ids: readonly number[], volume: number | null): { ml: number; interval: [number, number] | null } | null {
  if (volume === null) return null;
  const [only] = ids;
  const interval = ids.length === 1 && only !== undefined ? (side.lesions[String(only)]?.intervals?.['volume_ml'] ?? null) : null;
  return { ml: volume, interval };
}

/** Where a point of the CT lies in its picture from the front, millimetres from the upper left corner. */
export function inFront(front: Joint['front'], x: number, z: number): [number, number] {
  return [x - front.left_mm, front.top_mm - z];
}
