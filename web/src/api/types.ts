/** The appliance's JSON, as its HTTP interface states it. Nothing here is computed in the browser. */
import type { Quality, RequestState } from '../quality/types';

export type QcState = 'pending' | 'pass' | 'warn' | 'reject' | 'failed' | 'none';
export type AiState = 'waiting' | 'running' | 'ok' | 'failed' | 'refused' | 'not_applicable';
export type DeliveryState = 'none' | 'pending' | 'sent' | 'confirmed' | 'unconfirmed' | 'failed' | 'refused';
export type Language = 'zh' | 'en';

export const ROLES = [
  'radiographer',
  'physician',
  'radiologist',
  'surgeon',
  'data_officer',
  'ml_lead',
  'device_it',
  'auditor',
  'township',
] as const;
export type Role = (typeof ROLES)[number];
/** Roles at the hub; `device_it` and `auditor` exist on both sides. */
export const HUB_ROLES = ['expert', 'coordinator', 'hub_admin', 'device_it', 'auditor'] as const;
export type HubRole = (typeof HUB_ROLES)[number];

export type Permission =
  | 'worklist.read'
  | 'study.read'
  | 'study.open'
  | 'study.override'
  | 'upload'
  | 'quarantine.read'
  | 'quarantine.release'
  | 'queue.read'
  | 'queue.resend'
  | 'users.manage'
  | 'system.read'
  | 'audit.read'
  | 'subject.manage'
  | 'consult.read'
  | 'consult.request'
  | 'region.read'
  | 'region.manage'
  | 'township.send'
  | 'report.write'
  | 'report.sign'
  | 'report.phrases'
  | 'room.use'
  | 'repeat.ask'
  | 'quality.read'
  | 'quality.staff'
  // At the hub.
  | 'consult.list'
  | 'consult.act'
  | 'consult.assign'
  | 'key.own'
  | 'directory.read'
  | 'duty.manage'
  | 'people.manage'
  | 'hospitals.manage'
  | 'devices.manage';

export interface Me {
  user: string;
  name: string;
  role: Role | HubRole;
  csrf: string;
  language: Language;
  permissions: Permission[];
  /** The password was given by someone else: nothing else is served until it is changed. */
  must_change: boolean;
  /** At the hub only: a second factor is to be set up, or to be shown after a sign-in by the identity provider. */
  must_set_otp?: boolean;
  must_show_otp?: boolean;
  id?: string;
  hospital?: string | null;
  department?: string | null;
  key?: { id: string; created_at: string } | null;
}

export type FindingState = 'none' | 'clear' | 'lesions' | 'suspected';
export type ReportState = 'none' | 'drafted' | 'preliminary' | 'signed' | 'addended';
export type ScreeningDecision = 'normal' | 'suspicious' | 'repeat';

/** The small picture of a study in the list: which, and why there is none where `version` is "". */
export interface Thumbnail {
  version: string;
  about: { kind: 'ct_lesion' | 'ct_middle' | 'radiograph' | 'mip' | 'image' | 'none' | 'unreadable'; number?: number; count?: number; lesion?: number; code?: string };
}

export interface Row {
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
  accession: string;
  manufacturer: string;
  model: string;
  station: string;
  institution: string;
  source_ae: string;
  series_count: number;
  instance_count: number;
  completeness: 'receiving' | 'complete';
  qc: QcState;
  ai: AiState;
  tb_score: number | null;
  tb_positive: boolean | null;
  lesion_count: number | null;
  delivery: DeliveryState;
  superseded: boolean;
  overridden: boolean;
  text_repaired: boolean;
  identity_corrected: boolean;
  received_at: string;
  updated_at: string;
  /** Of all series, the analysed one is `modality`. */
  modalities: string[];
  department: string;
  report: ReportState;
  finding: FindingState;
  screening: ScreeningDecision | '';
  /** What became of the newest request to the modality room; '' where nobody asked. */
  repeat: RequestState | '';
  result_version: number;
  urgent: boolean;
  /** null: not made yet. */
  thumbnail: Thumbnail | null;
}

export interface WorklistPage {
  rows: Row[];
  next: string | null;
  total: number;
}

export interface WorklistEvent {
  study: string;
  row: Row | null;
}

export interface PublicMessage {
  code: string;
  message_zh: string;
  message_en: string;
}

export interface QcReason extends PublicMessage {
  severity: 'info' | 'warn' | 'reject';
  metric?: string | null;
  value?: number | null;
  limit?: number | null;
}

export interface Qc {
  verdict: 'pass' | 'warn' | 'reject';
  reasons: QcReason[];
  metrics?: Record<string, number>;
}

export interface TbScore {
  score: number;
  threshold: number;
  positive: boolean;
  model: string;
  version: string;
  calibration_set: string;
}

export interface Lesion {
  id: number;
  kind: string;
  centroid_mm: [number, number, number];
  volume_ml: number;
  long_axis_mm: number;
  short_axis_mm: number;
  mean_hu: number;
  location: string;
  probability: number;
  extra?: Record<string, number>;
  /** 95 % repeatability intervals by name of the number. */
  intervals?: Record<string, [number, number]>;
  /** Coded descriptors: lobe, segment, margin, shape, wall. */
  codes?: Record<string, string>;
}

export interface CaseSign {
  code: string;
  lesions: number[];
  weight: number;
}

/** What the lesions of one CT amount to for the patient. Never more than "suspected". */
export interface CaseFindings {
  suspicion: number;
  interval: [number, number];
  threshold: number;
  suspected: boolean;
  basis: CaseSign[];
  counts: Record<string, number>;
  bilateral: boolean;
  cavitary: boolean;
  burden_percent: number | null;
  burden_by_kind: Record<string, number>;
  burden_by_lobe: Record<string, number>;
  severity: string;
  activity: CaseSign[];
  resistance: CaseSign[];
}

export interface Method {
  model?: string;
  version?: string;
  threshold?: number | null;
  calibration_set?: string | null;
  research_only?: boolean;
}

export interface Analysis {
  study: string;
  modality: string;
  status: 'ok' | 'failed' | 'refused' | 'not_applicable';
  reason: PublicMessage | null;
  qc: Qc | null;
  tb: TbScore | null;
  lesions: Lesion[] | null;
  case?: CaseFindings | null;
  series: { series_uid: string; reason_code: string; reason_zh: string; reason_en: string } | null;
  method: Method | null;
  seconds: Record<string, number>;
}

export interface SeriesSummary {
  series_uid: string;
  modality: string;
  number: number | null;
  description: string;
  instances: number;
  chosen: boolean;
}

export interface ResultVersion {
  version: number;
  at: string;
  status: Analysis['status'];
  superseded: boolean;
  override: { by: string; at: string; reason: string } | null;
}

export interface Delivery {
  destination: string;
  sop_class: string;
  sop_instance: string;
  label: string;
  state: DeliveryState;
  at: string;
}

export interface HistoryEntry {
  at: string;
  kind: string;
  actor: string;
  text_zh: string;
  text_en: string;
}

export interface TextRepair {
  tag?: string;
  rule?: string;
  message_zh?: string;
  message_en?: string;
}

/** Quality of one image, judged at its arrival: before the study is complete. "failed": it could not be read. */
export interface ImageQc {
  sop_instance: string;
  verdict: Qc['verdict'] | 'failed';
  at: string;
  qc: Qc | null;
  error: PublicMessage | null;
}

export interface Study {
  row: Row;
  series: SeriesSummary[];
  analysis: Analysis | null;
  results: ResultVersion[];
  deliveries: Delivery[];
  image_qc: ImageQc[];
  /** The verdict with what to do, and what the modality room was asked for. */
  quality: Quality;
  history: HistoryEntry[];
  text_repairs: TextRepair[];
}

/** One attribute of the DICOM JSON model (PS3.18 F.2). */
export interface DicomElement {
  vr: string;
  Value?: unknown[];
}
export type DicomObject = Record<string, DicomElement>;

export interface ManifestSeries {
  series_uid: string;
  modality: string;
  number: number | null;
  description: string;
  instances: DicomObject[];
}
export interface Manifest {
  series: ManifestSeries[];
}

export interface OutlineLine {
  lesion: number;
  kind: string;
  points: [number, number][];
  /** Whose outline: the AI's (unsaid) or the county's correction. */
  source?: 'ai' | 'county';
  /** Name of the result set, where there are several besides the AI's; and which of them. */
  set?: string;
  nth?: number;
}
export interface Outlines {
  series_uid: string;
  version: number;
  lines: Record<string, OutlineLine[]>;
}

export interface QuarantineRow extends PublicMessage {
  id: string;
  at: string;
  sender: string;
  bytes: number;
  state: 'held' | 'released' | 'dismissed';
}

export interface QueueRow {
  id: string;
  stage: string;
  study: string;
  state: 'waiting' | 'running' | 'failed' | 'dead';
  priority: 'urgent' | 'routine';
  age_s: number;
  attempts: number;
  deadline: string | null;
  owner: string | null;
  error: PublicMessage | null;
}

export interface SystemState {
  node: string;
  version: string;
  disk: {
    total: number;
    free: number;
    tier: 'ok' | 'warn' | 'no_prefetch' | 'refuse_routine' | 'refuse_all';
    days_left: number | null;
  };
  hospital: string;
  heads: { journal: string; writer: string; seq: number; at: string; digest: string }[];
  peers: { name: string; role: string; last_seen: string | null }[];
  models: { name: string; version: string; task: string; active: boolean; research_only: boolean; engine: string }[];
  backup: { last_at: string | null; last_ok: boolean | null; next_at: string | null; destination: string | null };
}

export interface UserRow {
  user: string;
  name: string;
  role: Role;
  active: boolean;
  otp: boolean;
  last_login: string | null;
}

export interface UploadAnswer {
  accepted: number;
  duplicates: number;
  quarantined: (PublicMessage & { name_hint?: string })[];
  /** Not taken in at all: a member of an archive that may not be opened, or the disk is full. */
  refused: (PublicMessage & { name_hint?: string })[];
}
