/** Templates as the department edits them: pure rules of the form. */
import type { Phrase } from './types';

export type PhraseForm = Omit<Phrase, 'id' | 'version'> & { id: string; version: number };

export const BLANK: PhraseForm = { id: '', version: 0, abbreviation: '', section: 'findings', zh: '', en: '', fields: [] };

/** The fields named in the words, each once, in order. */
export function fieldsIn(words: string): string[] {
  return [...new Set([...words.matchAll(/\{([a-z][a-z0-9_]{0,23})\}/g)].map((found) => found[1] ?? ''))];
}

/** The form with one field per name in its Chinese words; what a field was stays. */
export function withFields(form: PhraseForm): PhraseForm {
  const known = new Map(form.fields.map((one) => [one.name, one]));
  return { ...form, fields: fieldsIn(form.zh).map((name) => known.get(name) ?? { name, zh: name, en: name, kind: 'text', options: [] }) };
}

/** Options as one writes them: 右/right; 左/left. */
export function optionsOf(text: string): { zh: string; en: string }[] {
  return text
    .split(/[;；]/)
    .map((one) => one.split('/').map((word) => word.trim()))
    .filter(([zh]) => zh !== undefined && zh !== '')
    .map(([zh = '', en = zh]) => ({ zh, en }));
}

export function optionsText(options: readonly { zh: string; en: string }[]): string {
  return options.map((one) => `${one.zh}/${one.en}`).join('；');
}

/** What hinders saving; null where nothing does. */
export function wrongWith(form: PhraseForm, taken: readonly { id: string; abbreviation: string }[]): 'id' | 'abbreviation' | 'taken' | 'words' | 'fields' | null {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(form.id)) return 'id';
  if (form.abbreviation.trim() === '') return 'abbreviation';
  if (taken.some((one) => one.id !== form.id && one.abbreviation === form.abbreviation.trim().toLowerCase())) return 'taken';
  if (form.zh.trim() === '' || form.en.trim() === '') return 'words';
  const [zh, en] = [fieldsIn(form.zh), fieldsIn(form.en)];
  if (zh.length !== en.length || zh.some((name) => !en.includes(name))) return 'fields';
  return null;
}
