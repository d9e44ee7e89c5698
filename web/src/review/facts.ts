/** Facts of the case that a person enters: which there are, what each may be, what a form changes. Pure. */
import type { Fact } from './types';

/** Values by code; none means free text. The server holds the same lists (edge/review/reasons.py). */
export const FACT_VALUES = {
  onset: [],
  contact: ['yes', 'no', 'unknown'],
  hiv: ['positive', 'negative', 'not_tested', 'unknown'],
  diabetes: ['yes', 'no', 'unknown'],
  treatment: ['never', 'current', 'completed', 'interrupted', 'unknown'],
  bacteriology: ['smear_positive', 'smear_negative', 'culture_positive', 'culture_negative', 'molecular_positive', 'molecular_negative', 'pending', 'not_done'],
} as const;
export type FactCode = keyof typeof FACT_VALUES;
export type FactValue = (typeof FACT_VALUES)[FactCode][number];
export const FACT_CODES = Object.keys(FACT_VALUES) as FactCode[];

export interface Entry {
  value: string;
  date: string;
  note: string;
}
export type Form = Record<FactCode, Entry>;

export function isValue(code: FactCode, value: string): value is FactValue {
  return (FACT_VALUES[code] as readonly string[]).includes(value);
}

/** The form as it opens: what is on record. */
export function formOf(facts: readonly Fact[]): Form {
  const entry = (code: FactCode): Entry => {
    const known = facts.find((fact) => fact.code === code);
    return { value: known?.value ?? '', date: known?.on_date ?? '', note: known?.note ?? '' };
  };
  return Object.fromEntries(FACT_CODES.map((code) => [code, entry(code)])) as Form;
}

/** What is to be recorded: only what differs from the record. An emptied fact is none: what was said stays on record. */
export function entriesOf(form: Form, facts: readonly Fact[]): (Entry & { code: FactCode })[] {
  const before = formOf(facts);
  return FACT_CODES.flatMap((code) => {
    const now = form[code];
    const entry = { code, value: now.value.trim(), date: now.date, note: now.note.trim() };
    const old = before[code];
    const same = entry.value === old.value && entry.date === old.date && entry.note === old.note;
    return same || (entry.value === '' && (code !== 'onset' || entry.date === '')) ? [] : [entry];
  });
}
