/** What a person asks for, before it is a request: its form, who would get it, whether it is whole. Pure. */
import type { Department, KeyStanding, Roster, RosterPerson } from './box';
import { URGENCIES, type ConsultKind, type Urgency } from './types';

export const KINDS = ['consultation', 'mdt', 'referral'] as const;
export const FACTS = ['laboratory', 'lung_function', 'pathology'] as const;
export const HOURS = [0.5, 2, 24, 72] as const;
export type FactCategory = (typeof FACTS)[number];

/** A result that somebody read off a sheet and typed in. */
export interface EnteredFact {
  category: FactCategory;
  test: string;
  date: string;
  result: string;
  unit: string;
}

export interface Asked {
  kind: ConsultKind;
  /** An MDT of this hospital alone; nothing leaves the appliance. */
  house: boolean;
  place: string;
  to_level: string;
  people: string[];
  urgency: Urgency;
  hours: number;
  purpose: string;
  summary: string;
  consent: string;
  direction: '' | 'up' | 'down';
  priors: string[];
  laboratory: boolean;
  lung_function: boolean;
  pathology: boolean;
  entered: EnteredFact[];
  documents: { id: string; title: string }[];
}

export const BLANK: Asked = { kind: 'consultation', house: false, place: '', to_level: '', people: [], urgency: 'routine', hours: 24, purpose: '', summary: '', consent: '', direction: '', priors: [], laboratory: true, lung_function: true, pathology: true, entered: [], documents: [] };
export const NO_FACT: EnteredFact = { category: 'laboratory', test: '', date: '', result: '', unit: '' };

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []);
const flag = (value: unknown, otherwise: boolean): boolean => (typeof value === 'boolean' ? value : otherwise);
const word = <T extends string>(value: unknown, words: readonly T[], otherwise: T): T => (words.includes(value as T) ? (value as T) : otherwise);

function enteredOf(value: unknown): EnteredFact[] {
  if (!Array.isArray(value)) return [];
  return value.map((one) => {
    const fact = (typeof one === 'object' && one !== null ? one : {}) as Record<string, unknown>;
    return { category: word(fact['category'], FACTS, 'laboratory'), test: text(fact['test']), date: text(fact['date']), result: text(fact['result']), unit: text(fact['unit']) };
  });
}

/** A kept draft as the dialog's form; what an earlier release did not keep is blank. */
export function askedOf(body: Record<string, unknown>, documents: readonly { id: string; title: string }[]): Asked {
  return {
    kind: word(body['kind'], KINDS, 'consultation'),
    house: flag(body['house'], false),
    place: text(body['place']),
    to_level: text(body['to_level']),
    people: texts(body['people']),
    urgency: word(body['urgency'], URGENCIES, 'routine'),
    hours: typeof body['hours'] === 'number' ? body['hours'] : 24,
    purpose: text(body['purpose']),
    summary: text(body['summary']),
    consent: text(body['consent']),
    direction: word(body['direction'], ['', 'up', 'down'] as const, ''),
    priors: texts(body['priors']),
    laboratory: flag(body['laboratory'], true),
    lung_function: flag(body['lung_function'], true),
    pathology: flag(body['pathology'], true),
    entered: enteredOf(body['entered']),
    documents: documents.map(({ id, title }) => ({ id, title })),
  };
}

export const placeKey = (one: Pick<Department, 'hospital' | 'department'>): string => `${one.hospital} ${one.department}`;

/** Rows that say something; an empty one is no fact. */
export const typedFacts = (entered: readonly EnteredFact[]): EnteredFact[] => entered.filter((one) => one.test.trim() !== '' || one.result.trim() !== '');

/** What goes along. */
export function includeOf(asked: Asked): Record<string, unknown> {
  return { priors: asked.priors, laboratory: asked.laboratory, lung_function: asked.lung_function, pathology: asked.pathology, entered: typedFacts(asked.entered), documents: asked.documents.map((one) => one.id) };
}

/** The body of the request; `now` gives the deadline its instant. */
export function requestOf(asked: Asked, consult: string, now: number): Record<string, unknown> {
  const [hospital = '', department = ''] = asked.place.split(' ');
  const out = { to_hospital: hospital, to_department: department, to_level: asked.to_level, direction: asked.kind === 'referral' ? asked.direction || 'up' : '' };
  return {
    consult,
    kind: asked.kind,
    house: asked.house,
    ...(asked.house ? { to_hospital: '', to_department: '', to_level: '', direction: '' } : out),
    people: asked.people,
    urgency: asked.urgency,
    deadline_at: asked.hours === 0 ? null : new Date(now + asked.hours * 3_600_000).toISOString(),
    purpose: asked.purpose.trim(),
    summary: asked.summary.trim(),
    consent: { reference: asked.consent.trim(), at: new Date(now).toISOString() },
    include: includeOf(asked),
  };
}

/** Who gets the key: the people named, else everybody on duty in the department. */
export function recipientsOf(asked: Asked, roster: Roster): RosterPerson[] {
  const everybody = roster.departments.flatMap((one) => one.people);
  if (asked.people.length > 0) return asked.people.map((person) => everybody.find((one) => one.person === person)).filter((one) => one !== undefined);
  const there = roster.departments.find((one) => placeKey(one) === asked.place)?.people ?? [];
  const duty = there.filter((one) => one.on_duty);
  return duty.length > 0 ? duty : there;
}

/** A key that somebody here compares and confirms before anything is sealed to it. */
export const mustConfirm = (state: KeyStanding): boolean => state !== 'confirmed' && state !== 'new';

const isWhole = (fact: EnteredFact) => fact.test.trim() !== '' && fact.result.trim() !== '';

/** Whether it can be sent: purpose, consent, and somebody whose key nobody need confirm first. */
export function isComplete(asked: Asked, roster: Roster | null): boolean {
  if (roster === null || asked.purpose.trim() === '' || asked.consent.trim() === '') return false;
  if (asked.house) return asked.people.length > 0;
  const recipients = recipientsOf(asked, roster);
  return recipients.length > 0 && recipients.every((one) => !mustConfirm(one.key_state)) && typedFacts(asked.entered).every(isWhole);
}

/** An MDT comes filled in with the suggested members; without a region it is one of this hospital. */
export function beginOf(kind: ConsultKind, roster: Roster | null): Pick<Asked, 'kind' | 'people' | 'house'> {
  const members = (roster?.mdt ?? []).map((seat) => seat.person).filter((person) => person !== '');
  const joined = roster?.joined ?? false;
  return { kind, people: kind === 'mdt' && joined ? members : [], house: kind === 'mdt' && !joined };
}
