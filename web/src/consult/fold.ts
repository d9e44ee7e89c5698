/**
 * Where a consultation stands after its events: the same fold as core/consult/machine.py, without its
 * refusals (the authority has refused already). The page compares the result with what the hub says.
 */
import rules from './rules.json';
import type { ConsultKind, EventKind, Part, Party, PartyPart, Place, Seat, Urgency } from './types';

/** An event whose signature was checked. */
export interface FoldEvent {
  id: string;
  kind: EventKind;
  /** Person or node id; "" for the hub's own timers. */
  actor: string;
  at: string;
  /** Name of the signed statement. */
  digest: string;
  body: Record<string, unknown>;
}

export interface SignedPart {
  event: string;
  kind: 'opinion' | 'summary' | 'addendum' | 'offered';
  person: string;
  discipline: string;
  digest: string;
  at: string;
  to: string;
}

export interface Standing {
  kind: ConsultKind;
  place: Place;
  urgency: Urgency;
  deadlineAt: string;
  toDepartment: string;
  toLevel: string;
  direction: string;
  hospital: string;
  case: string;
  owner: string;
  asked: string;
  epoch: number;
  escalated: number;
  parties: Party[];
  signed: SignedPart[];
}

const EMPTY: Standing = {
  kind: 'consultation',
  place: 'draft',
  urgency: 'routine',
  deadlineAt: '',
  toDepartment: '',
  toLevel: '',
  direction: '',
  hospital: '',
  case: '',
  owner: '',
  asked: '',
  epoch: 1,
  escalated: 0,
  parties: [],
  signed: [],
};

type Rules = Partial<Record<EventKind, { to: string; may: Partial<Record<Part, string[]>> }>>;
const TABLE = rules as unknown as Record<ConsultKind, Rules>;

/** Whether a part may do this there: what the page offers and the authority enforces. */
export function may(kind: ConsultKind, part: Part, event: EventKind, place: Place): boolean {
  return TABLE[kind][event]?.may[part]?.includes(place) ?? false;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const present = (party: Party) => party.removed_at === '';

export function seatOf(standing: Standing, person: string): Party | null {
  return standing.parties.find((party) => party.person === person && present(party)) ?? null;
}

/** The part in which a person acts. */
export function partOf(standing: Standing, person: string, otherwise: Part = 'stranger'): Part {
  const seat = seatOf(standing, person);
  if (seat === null) return otherwise;
  return seat.part === 'expert' && standing.owner === person ? 'owner' : seat.part;
}

function seated(parties: readonly Party[], seat: Seat, at: string): Party[] {
  return [...parties.filter((party) => party.person !== seat.person || !present(party)), { ...seat, invited_at: at, removed_at: '', declined: false }];
}

function requested(standing: Standing, { body, at }: FoldEvent): Standing {
  const seats = Array.isArray(body['parties']) ? (body['parties'] as Seat[]) : [];
  return {
    ...standing,
    kind: text(body['consult_kind']) as ConsultKind,
    urgency: text(body['urgency']) as Urgency,
    deadlineAt: text(body['deadline_at']),
    toDepartment: text(body['to_department']),
    toLevel: text(body['to_level']),
    direction: text(body['direction']),
    hospital: text(body['hospital']),
    case: text(body['case']),
    parties: seats.map((seat) => ({ ...seat, invited_at: at, removed_at: '', declined: false })),
  };
}

function assigned(standing: Standing, { body, at }: FoldEvent): Standing {
  const person = text(body['person']);
  const part: PartyPart = standing.kind === 'mdt' ? 'chair' : 'expert';
  const others = part === 'chair' ? standing.parties.map((party) => (party.part === 'chair' && party.person !== person ? { ...party, part: 'member' as const } : party)) : standing.parties;
  return { ...standing, parties: seated(others, { person, part, discipline: text(body['discipline']) }, at), owner: standing.owner === '' ? '' : person };
}

function removed(standing: Standing, { body, at }: FoldEvent): Standing {
  const person = text(body['person']);
  const parties = standing.parties.map((party) => (party.person === person && present(party) ? { ...party, removed_at: at } : party));
  const next = { ...standing, parties, epoch: standing.epoch + 1 };
  if (standing.owner !== person) return next;
  const closed = ['completed', 'rejected', 'failed', 'cancelled'].includes(standing.place);
  return { ...next, owner: '', ...(closed ? {} : { asked: '', place: 'requested' as const }) };
}

function rejected(standing: Standing, { actor }: FoldEvent): Standing {
  const seat = seatOf(standing, actor);
  if (standing.kind === 'mdt' || seat === null) return { ...standing, owner: '', place: 'rejected' };
  const parties = standing.parties.map((party) => (party.person === actor && present(party) ? { ...party, declined: true } : party));
  const left = parties.some((party) => party.part === 'expert' && !party.declined && present(party));
  return { ...standing, parties, owner: '', place: left ? 'requested' : 'rejected' };
}

function signed(standing: Standing, event: FoldEvent): Standing {
  const part: SignedPart = {
    event: event.id,
    kind: event.kind as SignedPart['kind'],
    person: event.actor,
    discipline: text(event.body['discipline']),
    digest: event.digest,
    at: event.at,
    to: text(event.body['to']),
  };
  const begins = standing.place === 'accepted' && (event.kind === 'opinion' || event.kind === 'offered');
  return { ...standing, signed: [...standing.signed, part], place: begins ? 'in-progress' : standing.place };
}

const CHANGES: Partial<Record<EventKind, (standing: Standing, event: FoldEvent) => Standing>> = {
  requested,
  accepted: (standing, event) => ({ ...standing, owner: event.actor }),
  assigned,
  rejected,
  invited: (standing, { body, at }) => ({ ...standing, parties: seated(standing.parties, { person: text(body['person']), part: text(body['part']) as PartyPart, discipline: text(body['discipline']) }, at) }),
  removed,
  'information.asked': (standing, event) => ({ ...standing, asked: event.id }),
  'information.given': (standing, { body }) => ({ ...standing, asked: '', case: text(body['case']) || standing.case, place: standing.place === 'awaiting-information' ? 'in-progress' : standing.place }),
  opinion: signed,
  addendum: signed,
  summary: signed,
  offered: signed,
  escalated: (standing, { body }) => ({ ...standing, escalated: Math.max(standing.escalated, Number(body['level']) || 0) }),
};

export function step(standing: Standing, event: FoldEvent): Standing {
  const changed = CHANGES[event.kind]?.(standing, event) ?? standing;
  const to = TABLE[changed.kind][event.kind]?.to ?? '';
  return to === '' ? changed : { ...changed, place: to as Place };
}

export function fold(events: readonly FoldEvent[]): Standing {
  const seen = new Set<string>();
  return events.reduce((standing, event) => {
    if (seen.has(event.id)) return standing;
    seen.add(event.id);
    return step(standing, event);
  }, EMPTY);
}
