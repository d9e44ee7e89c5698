/** What both faces know of a consultation. Ids are opaque; clear fields are routing facts, all else is sealed. */

export type ConsultKind = 'consultation' | 'mdt' | 'referral';
export type Urgency = 'emergency' | 'urgent' | 'routine';
export type Place = 'draft' | 'requested' | 'accepted' | 'in-progress' | 'awaiting-information' | 'completed' | 'rejected' | 'failed' | 'cancelled';
export type PartyPart = 'expert' | 'chair' | 'member';
export type Part = 'requester' | 'owner' | 'expert' | 'chair' | 'member' | 'coordinator' | 'hub' | 'stranger';

export const DISCIPLINES = ['respiratory', 'imaging', 'pathology', 'thoracic_surgery', 'infectious', 'other'] as const;
export type Discipline = (typeof DISCIPLINES)[number];
export const LEVELS = ['', 'attending', 'associate_chief', 'chief'] as const;
export const URGENCIES = ['emergency', 'urgent', 'routine'] as const;
/** Why something was declined; the words beside it are sealed. */
export const REASONS = ['specialty', 'capacity', 'quality', 'consent', 'duplicate', 'patient', 'other'] as const;

export const EVENT_KINDS = [
  'requested',
  'accepted',
  'assigned',
  'rejected',
  'started',
  'information.asked',
  'information.given',
  'message',
  'invited',
  'removed',
  'opinion',
  'addendum',
  'summary',
  'offered',
  'completed',
  'failed',
  'cancelled',
  'escalated',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface Seat {
  person: string;
  part: PartyPart;
  discipline: string;
}

export interface Party extends Seat {
  invited_at: string;
  removed_at: string;
  declined: boolean;
}

/** Structured findings of an opinion; every field may be left unsaid. */
export interface OpinionFindings {
  tb: '' | 'active' | 'suspected' | 'inactive' | 'unlikely' | 'cannot_tell';
  image_quality: '' | 'good' | 'limited' | 'inadequate';
  ai_agreement: '' | 'agree' | 'partly' | 'disagree';
  next_steps: string[];
}

/** What an opinion says, once opened. */
export interface Opinion {
  impression: string;
  findings: OpinionFindings;
  advice: string;
  text: string;
  discipline: string;
  dissent: boolean;
  /** Sealed objects that were read for it. */
  basis: string[];
  /** Address of the case index that was judged. */
  case: string;
}

export const TB_WORDS = ['active', 'suspected', 'inactive', 'unlikely', 'cannot_tell'] as const;
export const QUALITY_WORDS = ['good', 'limited', 'inadequate'] as const;
export const AGREEMENT_WORDS = ['agree', 'partly', 'disagree'] as const;
export const NEXT_STEPS = ['sputum', 'bronchoscopy', 'enhanced_ct', 'biopsy', 'treatment', 'surgery', 'follow_up', 'isolate'] as const;

export const NO_FINDINGS: OpinionFindings = { tb: '', image_quality: '', ai_agreement: '', next_steps: [] };
