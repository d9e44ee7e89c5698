/** Refusals of the seals: the numbers and sentences are core/seals/errors.py's (a test compares). */
import type { PublicMessage } from '../api/types';
import table from './refusals.json';

export type RefusalName = keyof typeof table;
export type Facts = Record<string, string | number>;

const fill = (sentence: string, facts: Facts): string => sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(facts[name] ?? whole));

export class SealRefused extends Error {
  constructor(
    readonly refusal: RefusalName,
    readonly facts: Facts = {},
  ) {
    super(`E${table[refusal].code}: ${fill(table[refusal].en, facts)}`);
  }

  get said(): PublicMessage {
    const { code, zh, en } = table[this.refusal];
    return { code: `E${code}`, message_zh: fill(zh, this.facts), message_en: fill(en, this.facts) };
  }
}
