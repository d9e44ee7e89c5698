/** The hub's JSON, as its HTTP interface states it. */
import type { ConsultKind, PartyPart, Place, Urgency } from '../consult/types';

export interface ConsultRow {
  id: string;
  kind: ConsultKind;
  hospital: string;
  hospital_name: string;
  to_department?: string;
  urgency: Urgency;
  state: Exclude<Place, 'awaiting-information'>;
  business_state: string;
  deadline_at: string | null;
  waiting_s: number;
  owner: string | null;
  owner_name: string | null;
  rank: number;
  reason_zh: string;
  reason_en: string;
  unseen: number;
  bytes: number;
  parties: RowParty[];
}

export interface RowParty {
  person: string;
  name: string;
  part: PartyPart;
  discipline: string;
}

export interface CaseEvent {
  seq: number;
  id: string;
  kind: string;
  actor: string;
  actor_name: string;
  at: string;
  /** The signed statement, canonical JSON text. */
  statement: string;
  link: string;
  delivered_at: string | null;
}

export interface CaseWrap {
  epoch: number;
  sealed: string;
  /** The box's signed set of wraps that this one came in. */
  statement: string;
}

export interface CaseAnswer {
  row: ConsultRow;
  events: CaseEvent[];
  wraps: CaseWrap[];
  objects: { address: string; size: number }[];
  parties: RowParty[];
  presence: { person: string; name: string; at: string }[];
  seen: { person: string; name: string; seq: number; at: string }[];
}

export interface StoredKey {
  id: string;
  wrapped: string;
  agree_public: string;
  sign_public: string;
  created_at: string;
}

export interface DirectoryAnswer {
  entries: unknown[];
  head: unknown;
  witnesses: { node: string; hospital_name?: string; size: number; at: string }[];
}

export interface HubPerson {
  id: string;
  user: string;
  name: string;
  hospital: string | null;
  department: string | null;
  title: string;
  role: string;
  active: boolean;
  otp: boolean;
  key: { id: string; created_at: string } | null;
}

export interface Hospital {
  id: string;
  name: string;
  nodes: number;
  created_at: string;
}

export interface Device {
  id: string;
  hospital: string;
  hospital_name: string;
  name: string;
  software: string;
  seen_at: string | null;
  not_after: string | null;
  revoked_at: string | null;
  backlog: { items?: number; bytes?: number; oldest_s?: number };
  clock_skew_ms: number | null;
}

export interface Invite {
  id: string;
  hospital: string;
  hospital_name: string;
  expires_at: string;
  used_at: string | null;
  revoked_at: string | null;
  /** Only in the answer to its making: the hub keeps no readable copy. */
  code?: string;
}

export interface Renewal {
  node: string;
  name: string;
  hospital_name: string;
  asked_at: string;
  expired_at: string | null;
}

export interface DutyRow {
  department: string;
  people: { person: string; name: string; title: string; key: boolean }[];
}

export interface Suggested {
  person: string;
  name: string;
  title: string;
  hospital_name: string;
  discipline: string;
  key: boolean;
  on_duty: boolean;
}

export type PortalEvent = { kind: 'consult'; consult: string; row: ConsultRow | null } | { kind: 'notice'; consult?: string; notice: string } | { kind: 'presence'; consult: string };
