/** The physician's report as the appliance says it. */
export type Section = 'technique' | 'comparison' | 'findings' | 'impression' | 'advice';
export const SECTIONS: readonly Section[] = ['technique', 'comparison', 'findings', 'impression', 'advice'];

export interface Statement {
  key: string;
  section: Section;
  way: 'bound' | 'phrase' | 'free';
  template: string;
  arguments: Record<string, unknown>;
  sources: string[];
  origin: 'ai' | 'record' | 'person';
  confirmed: boolean;
  text: string;
  language: 'zh' | 'en';
  replaces: string;
}

export interface Basis {
  code: string;
  source: string;
  detail: string;
}

export interface Content {
  statements: Statement[];
  classification: { state: string; site: string; bacteriology: string; resistance: string; history: string; tier: string; basis: Basis[] };
  severity: { scale: string; value: string; source: string; note_zh: string; note_en: string; confirmed: boolean }[];
  dismissed: string[];
  acknowledged: string[];
}

export interface Said {
  key: string;
  section: Section;
  zh: string;
  en: string;
  untranslated: string;
}

export interface Prompt {
  name: string;
  level: 'block' | 'warn' | 'hint';
  zh: string;
  en: string;
  reason_zh: string;
  reason_en: string;
  keys: string[];
  insert: Statement | null;
}

export interface Change {
  key: string;
  what: 'changed' | 'gone' | 'new';
  before_zh: string;
  after_zh: string;
  before_en: string;
  after_en: string;
  offered: Statement | null;
}

export interface Shown {
  said: Said[];
  prompts: Prompt[];
  changes: Change[];
}

export interface Version {
  id: string;
  version: number;
  kind: 'preliminary' | 'signed' | 'addendum';
  at: string;
  name: string;
  body: { text_zh: string; text_en: string; digest: string };
}

export interface ReportState extends Shown {
  draft: { version: number; base: number; content: Content; changed_at: string } | null;
  content: Content;
  base: number;
  state: 'none' | Version['kind'];
  versions: Version[];
  others: { name: string; at: string }[];
  may: { write: boolean; sign: boolean; add: boolean };
  documents: { id: string; label: string; destination: string | null; state: string | null }[];
}

export interface Phrase {
  id: string;
  version: number;
  abbreviation: string;
  section: Section;
  zh: string;
  en: string;
  fields: { name: string; zh: string; en: string; kind: 'text' | 'number' | 'choice'; options: { zh: string; en: string }[] }[];
}

export interface Saved extends Shown {
  version: number;
  saved_at: string;
}
