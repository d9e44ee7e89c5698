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
  /** As what one sees it; only who takes part is given statements with words in them. */
  way?: 'party' | 'duty' | 'routing';
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
  /** The same sealed to the hospital's recovery key; "" where there was none. */
  recovery: string;
  agree_public: string;
  sign_public: string;
  created_at: string;
}

export interface DirectoryAnswer {
  /** The hub's Ed25519 key, hex; the first that a computer sees is pinned there. */
  hub_public: string;
  /** Canonical JSON, as text or as values: the bytes are the same. */
  entries: unknown[];
  head: unknown;
  /** Signed statements of boxes. */
  witnesses: unknown[];
}

export interface HubPerson {
  id: string;
  user: string;
  name: string;
  hospital: string | null;
  hospital_name: string | null;
  department: string;
  title: string;
  role: string;
  active: boolean;
  otp: boolean;
  key: string | null;
  /** A box of the person's hospital vouches for the key; the hospital has one that could. */
  attested: boolean;
  has_box: boolean;
  last_seen_at: Instant;
}

/** ISO 8601 or milliseconds since 1970. */
export type Instant = string | number | null;

export interface Hospital {
  id: string;
  name: string;
  boxes: number;
  recovery: boolean;
  created_at: Instant;
}

export interface Device {
  id: string;
  hospital: string;
  hospital_name: string;
  name: string;
  software: string;
  joined_at: Instant;
  seen_at: Instant;
  not_after: Instant;
  revoked_at: Instant;
  clock_skew_ms: number | null;
  /** A late renewal: asked for, and agreed to by a person here. */
  asked_at: Instant;
  approved_at: Instant;
}

export interface Invite {
  id: string;
  hospital: string;
  hospital_name: string;
  expires_at: Instant;
  state: 'open' | 'used' | 'withdrawn' | 'expired';
  /** Only in the answer to its making: the hub keeps no readable copy. */
  code?: string;
  /** Address of the hub for the box, and what the picture says: both and the code. */
  hub?: string;
  picture_text?: string;
}

export interface Renewal {
  node: string;
  hospital_name: string;
  software: string;
  asked_at: Instant;
  approved_at: Instant;
  seen_at: Instant;
}

export interface DutyRow {
  hospital: string;
  hospital_name: string;
  department: string;
  people: { id: string; name: string; title: string; key: string | null }[];
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
