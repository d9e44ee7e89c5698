/** Every edit of a report as a pure function on its content. */
import type { Change, ClassName, Content, FollowUpTable, Phrase, Scale, Section, Severity, Statement } from './types';

const FREE: Omit<Statement, 'key' | 'section'> = { way: 'free', template: '', arguments: {}, sources: [], origin: 'person', confirmed: true, text: '', language: 'zh', replaces: '' };

function with_(content: Content, statements: Statement[]): Content {
  return { ...content, statements };
}

export function confirmed(content: Content, keys: readonly string[]): Content {
  return with_(content, content.statements.map((one) => (keys.includes(one.key) ? { ...one, confirmed: true } : one)));
}

/** Taken out by a person: what the box offers again later stays out. */
export function removed(content: Content, key: string): Content {
  const gone = content.statements.find((one) => one.key === key);
  const dismissed = gone?.way === 'bound' && !content.dismissed.includes(key) ? [...content.dismissed, key] : content.dismissed;
  return { ...with_(content, content.statements.filter((one) => one.key !== key)), dismissed };
}

/** Words changed by a person: a statement of theirs that says which one it replaces. */
export function reworded(content: Content, key: string, text: string, language: 'zh' | 'en'): Content {
  return with_(
    content,
    content.statements.map((one) => {
      if (one.key !== key) return one;
      if (one.way === 'free') return { ...one, text, language };
      return { ...FREE, key: `edit:${key}`, section: one.section, text, language, replaces: one.way === 'bound' ? key : '' };
    }),
  );
}

export function freshKey(content: Content, stem: string): string {
  const taken = new Set(content.statements.map((one) => one.key));
  let number = 1;
  while (taken.has(`${stem}:${number}`)) number += 1;
  return `${stem}:${number}`;
}

export function written(content: Content, section: Section, text: string, language: 'zh' | 'en'): Content {
  return with_(content, [...content.statements, { ...FREE, key: freshKey(content, 'free'), section, text, language }]);
}

export function inserted(content: Content, statement: Statement): Content {
  if (content.statements.some((one) => one.key === statement.key)) return content;
  const dismissed = content.dismissed.filter((key) => key !== statement.key);
  return { ...with_(content, [...content.statements, { ...statement, confirmed: true }]), dismissed };
}

export function phrased(content: Content, phrase: Phrase, filled: Record<string, string>): Content {
  const statement: Statement = { ...FREE, way: 'phrase', key: freshKey(content, `phrase:${phrase.id}`), section: phrase.section, template: `${phrase.id}@${phrase.version}`, arguments: filled };
  return with_(content, [...content.statements, statement]);
}

/** Takes every difference over; what changed must be confirmed again. */
export function refreshed(content: Content, changes: readonly Change[]): Content {
  const gone = new Set(changes.filter((one) => one.what === 'gone').map((one) => one.key));
  const now = new Map(changes.flatMap((one) => (one.offered === null ? [] : [[one.key, one.offered] as const])));
  const kept = content.statements.filter((one) => !gone.has(one.key)).map((one) => now.get(one.key) ?? one);
  const fresh = changes.flatMap((one) => (one.what === 'new' && one.offered !== null ? [one.offered] : []));
  return with_(content, [...kept, ...fresh]);
}

export function acknowledged(content: Content, name: string, yes: boolean): Content {
  const rest = content.acknowledged.filter((one) => one !== name);
  return { ...content, acknowledged: yes ? [...rest, name] : rest };
}

export function tiered(content: Content, tier: string): Content {
  return { ...content, classification: { ...content.classification, tier } };
}

/** A fact that the tier rests on; its source is the person who says it, or the images. */
export function based(content: Content, code: string, source: string, yes: boolean): Content {
  const rest = content.classification.basis.filter((one) => one.code !== code);
  const basis = yes ? [...rest, { code, source, detail: '' }] : rest;
  return { ...content, classification: { ...content.classification, basis } };
}

export function classified(content: Content, name: ClassName, value: string): Content {
  return { ...content, classification: { ...content.classification, [name]: value } };
}

/** What the box measured, taken over or not. */
export function severityTaken(content: Content, measured: Severity, yes: boolean): Content {
  const rest = content.severity.filter((one) => one.scale !== measured.scale);
  return { ...content, severity: yes ? [...rest, { ...measured, confirmed: true }] : rest };
}

/** What a person states on a scale; an empty value takes it out. */
export function severityStated(content: Content, scale: Scale, value: string, user: string): Content {
  const rest = content.severity.filter((one) => one.scale !== scale);
  if (value === '') return { ...content, severity: rest };
  return { ...content, severity: [...rest, { scale, value, source: `person:${user}`, note_zh: '', note_en: '', confirmed: true }] };
}

/** Items of the radiograph score, by comma. */
export function scored(value: string, item: string, yes: boolean): string {
  const rest = value.split(',').filter((one) => one !== '' && one !== item);
  return (yes ? [...rest, item] : rest).join(',');
}

export function compared(content: Content, table: FollowUpTable | null): Content {
  const rest = { ...content };
  delete rest.follow_up;
  return table === null ? rest : { ...rest, follow_up: table };
}

export const PICTURES_MAX = 4;

export function pictured(content: Content, frame: string, yes: boolean): Content {
  const { pictures = [], ...rest } = content;
  const kept = pictures.filter((one) => one !== frame);
  const next = yes && kept.length < PICTURES_MAX ? [...kept, frame] : kept;
  return next.length === 0 ? rest : { ...rest, pictures: next };
}

/** The phrase whose abbreviation was typed. */
export function found(phrases: readonly Phrase[], typed: string): Phrase | undefined {
  const text = typed.trim().toLowerCase();
  return text === '' ? undefined : phrases.find((one) => one.abbreviation === text);
}
