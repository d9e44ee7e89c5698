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

export const CLASSES = ['state', 'site', 'bacteriology', 'resistance', 'history'] as const;
export type ClassName = (typeof CLASSES)[number];
export type Scale = 'timika' | 'nta' | 'crrs' | 'score';

export interface Severity {
  scale: Scale;
  value: string;
  source: string;
  note_zh: string;
  note_en: string;
  confirmed: boolean;
}

export interface ChangeRow {
  before: number[];
  after: number[];
  kind: string;
  before_ml: number | null;
  after_ml: number | null;
  share: number | null;
  verdict: string;
  verdict_zh: string;
  verdict_en: string;
}

export interface FollowUpTable {
  comparison: string;
  prior_date: string;
  current_date: string;
  conclusion_zh: string;
  conclusion_en: string;
  rows: ChangeRow[];
}

export interface Content {
  statements: Statement[];
  classification: Record<ClassName, string> & { tier: string; basis: Basis[] };
  severity: Severity[];
  dismissed: string[];
  acknowledged: string[];
  follow_up?: FollowUpTable;
  pictures?: string[];
}

/** A code with its words; the appliance keeps the tables. */
export interface Code {
  code: string;
  zh: string;
  en: string;
}
export type CodeTable = ClassName | 'tier' | 'basis' | 'scale' | 'crrs' | 'score';

/** What records say of the case, with their source. */
export interface Fact {
  code: string;
  value: string;
  on_date: string;
  source: string;
  name: string;
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
  /** What the box computed: a person puts it into the report, or not. */
  follow_up: FollowUpTable | null;
  severity: Severity[];
  facts: Fact[];
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
  pictures: { frame: string; lesions: number[] }[];
  codes: Record<CodeTable, Code[]>;
  card: Pick<Card, 'state' | 'due_at' | 'overdue'>;
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

/** A template with all its versions, the newest first. */
export interface PhraseHistory {
  id: string;
  retired: boolean;
  versions: (Phrase & { by: string; at: string; department: string; retired: boolean })[];
}

export interface CardField {
  name: string;
  zh: string;
  en: string;
  mandatory: boolean;
  value: string;
  source: string;
  choices: string[];
}

/** The notifiable-disease card. */
export interface Card {
  state: 'none' | 'suggested' | 'due' | 'prepared' | 'reported' | 'not_needed';
  due_at: string | null;
  overdue: boolean;
  fields: CardField[];
  missing: string[];
  by: string;
  at: string;
}

export interface Saved extends Shown {
  version: number;
  saved_at: string;
}
