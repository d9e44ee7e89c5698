/** The appliance's JSON about consultations and the region (edge/api/consult.py, region.py, township.py). */
import type { PublicMessage } from '../api/types';
import type { AnnouncedNotice } from './Announced';
import type { ConsultKind, EventKind, Party, Place, Urgency } from './types';

export interface Upload {
  items: number;
  bytes: number;
  done_items: number;
  done_bytes: number;
  dead_items: number;
  given_up_items?: number;
  /** What the case's building is at, in words of the worker; "" where it is done. */
  preparing: string;
}

export interface BoxRow {
  id: string;
  study: string;
  patient_name: string;
  patient_id: string;
  modality: string;
  kind: ConsultKind;
  /** `house` for a meeting that this appliance alone keeps. */
  authority: string;
  urgency: Urgency;
  state: string;
  business_state: string;
  place: Place;
  deadline_at: string | null;
  to_hospital_name: string;
  to_department: string;
  purpose: string;
  owner: string | null;
  owner_name: string | null;
  requested_at: string;
  changed_at: string;
  closed_at: string | null;
  source: string;
  opinions: number;
  upload: Upload | null;
  /** Alarms that nobody has dismissed yet. */
  alarms: number;
  /** `us` where the expert waits for this hospital. */
  ball: string;
}

export interface BoxDraft {
  id: string;
  study: string;
  body: Record<string, unknown>;
  changed: string;
  patient_name: string;
  patient_id: string;
}

/** A draft as it is opened again. */
export interface OpenDraft {
  id: string;
  study: string;
  body: Record<string, unknown>;
  documents: { id: string; title: string; content_type: string; bytes: number }[];
}

export interface GoingItem {
  kind: string;
  title: string;
  bytes: number;
  study: number;
  count: number;
  /** Pictures: never more than this. */
  at_most: boolean;
}

/** What a request would seal and send. */
export interface WouldGo {
  studies: { n: number; modality: string; study_date: string; description: string; prior: boolean }[];
  items: GoingItem[];
  bytes: number;
  rate_bytes_s: number | null;
  seconds: number | null;
}

export interface SendingPart {
  kind: string;
  study: number;
  title: string;
  items: number;
  done_items: number;
  bytes: number;
  done_bytes: number;
  dead_items: number;
  given_up_items: number;
}

export interface DeadPart {
  id: string;
  kind: string;
  study: number;
  title: string;
  bytes: number;
  error: PublicMessage | null;
}

export interface Sending {
  parts: SendingPart[];
  dead: DeadPart[];
}

export type BoxAlarm = PublicMessage & { about: string; at: string; last: string; seen_by: string };

export interface BoxEvent {
  n: number;
  id: string;
  kind: EventKind;
  actor: string;
  actor_name: string;
  title: string;
  at: string;
  digest: string;
  opened: Record<string, unknown> | null;
  signature: { state: 'verified' | 'session' | 'fault'; error: PublicMessage | null };
  facts: { person?: string; discipline?: string; to?: string; reason?: string };
  /** What became of it in the PACS: SOP instances by label. */
  papers: Partial<Record<'opinion_pdf' | 'opinion_sr', string>>;
}

export interface BoxCase {
  row: BoxRow;
  request: { purpose: string | null; summary: string | null; consent: { reference: string; at: string } | null; at: string | null };
  parties: (Omit<Party, 'removed_at'> & { name: string; title: string; removed_at: string | null })[];
  events: BoxEvent[];
  pending: { id: string; kind: EventKind; at: string; author: string; opened: Record<string, unknown> | null; state?: 'waiting' | 'done' | 'dead' | 'given_up' }[];
  opinions: BoxEvent[];
  documents: { id: string; title: string; content_type: string; bytes: number; at: string }[];
  may: EventKind[];
  me: string;
  epoch: number;
  alarms: BoxAlarm[];
  /** Parts in the outbox; null for a meeting of this hospital. */
  sending: Sending | null;
}

export type KeyStanding = 'confirmed' | 'new' | 'changed' | 'unattested';

export interface RosterPerson {
  person: string;
  name: string;
  title: string;
  level: string;
  key: string;
  key_state: KeyStanding;
  attested: boolean;
  on_duty: boolean;
}

export interface Department {
  hospital: string;
  hospital_name: string;
  department: string;
  people: RosterPerson[];
}

export interface Roster {
  joined: boolean;
  departments: Department[];
  mdt?: { person: string; discipline: string; part: 'chair' | 'member'; name: string; reason_zh: string; reason_en: string }[];
  colleagues?: { person: string; name: string; role?: string }[];
}

export type VouchState = 'unconfirmed' | 'sending' | 'sent' | 'refused' | 'confirmed';

export interface OwnPerson {
  person: string;
  name: string;
  department: string;
  title: string;
  role: string;
  key: string;
  /** The fingerprint as the person's own page shows it. */
  print: string;
  at: string;
  /** Fingerprint of the key before; "" for a first one. */
  before: string;
  state: VouchState;
  error: PublicMessage | null;
}

export interface ChangedInDirectory {
  kind: 'person' | 'node' | 'hospital' | 'box';
  id: string;
  old: string;
  new: string;
  at: string;
  name: string;
  hospital_name: string;
}

export interface RegionState {
  joined: boolean;
  node: string;
  hub: { id: string; sync_address: string; enrol_address: string } | null;
  hospital: { id: string; name: string } | null;
  joined_at?: string;
  certificate: {
    state: 'none' | 'good' | 'due' | 'expired' | 'waiting' | 'revoked' | 'damaged';
    serial?: string;
    not_after?: string;
    waits_for?: '' | 'local' | 'hub';
    consent?: { by: string; at: string } | null;
    error: PublicMessage | null;
    clock?: PublicMessage | null;
  } | null;
  directory: { size: number; witnessed_by: number; changed_keys: ChangedInDirectory[]; error: PublicMessage | null } | null;
  link: { state: 'idle' | 'connecting' | 'open' | 'waiting' | 'refused' | 'unknown'; since: string | null; latency_ms: number | null; backlog: { items: number; bytes: number; oldest_s: number; dead: number }; last_error: PublicMessage | null };
  alarms: BoxAlarm[];
  /** This hospital's people with a key, those nobody has vouched for first. */
  people: OwnPerson[];
  /** The region's notice broker; `idle` where it has none. */
  notices: { state: 'idle' | 'connecting' | 'open' | 'waiting' | 'refused'; since: string; heard: number; ignored: Record<string, number>; last_error: PublicMessage | null; awaited: AnnouncedNotice[] };
}

export interface TownshipConsult extends Pick<BoxRow, 'id' | 'study' | 'patient_name' | 'kind' | 'urgency' | 'place' | 'deadline_at' | 'to_hospital_name' | 'to_department' | 'purpose' | 'requested_at'> {
  words: { kind: string; at: string; digest: string; opened: Record<string, unknown> }[];
}
