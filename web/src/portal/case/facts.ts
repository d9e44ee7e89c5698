/** Facts of a case (laboratory, lung function, pathology) and the report draft, as the hospital sealed them. Pure. */

type Loose = Record<string, unknown>;
const loose = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {});
const plain = (one: unknown): string => (typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean' ? String(one) : '');
const MOST = 500;

export interface Fact {
  name: string;
  value: string;
  unit: string;
  flag: string;
  date: string;
  /** Who typed it in by hand; "" for the hospital's own system. */
  enteredBy: string;
}

function factOf(fact: Loose, enteredBy: string): Fact | null {
  const name = plain(fact['name']) || plain(fact['display']) || plain(fact['code']);
  const value = plain(fact['value']);
  if (name === '' || value === '') return null;
  return { name, value, unit: plain(fact['unit']), flag: plain(fact['flag']), date: plain(fact['date']) || plain(fact['at']), enteredBy };
}

/** Rows of a facts object; what has no shape of ours is shown as its own names and values. */
export function factsOf(json: string): Fact[] {
  const value: unknown = JSON.parse(json);
  const items = loose(value)['items'];
  const rows: Fact[] = [];
  const walk = (prefix: string, one: unknown, by: string): void => {
    if (rows.length >= MOST) return;
    const source = loose(loose(one)['source']);
    const enteredBy = source['kind'] === 'entered' ? plain(source['by']) : by;
    const fact = factOf(loose(one), enteredBy);
    if (fact !== null) rows.push(fact);
    else if (Array.isArray(one)) one.forEach((entry) => walk(prefix, entry, enteredBy));
    else if (typeof one === 'object' && one !== null) {
      for (const [key, entry] of Object.entries(one)) if (key !== 'source' && key !== 'category') walk(prefix === '' ? key : `${prefix} · ${key}`, entry, enteredBy);
    } else if (plain(one) !== '') rows.push({ name: prefix, value: plain(one), unit: '', flag: '', date: '', enteredBy });
  };
  walk('', Array.isArray(items) ? items : value, '');
  return rows;
}

export const SECTIONS = ['findings', 'impression', 'advice'] as const;

export interface ReportView {
  sections: { section: (typeof SECTIONS)[number]; zh: string[]; en: string[] }[];
  /** What must stand on a draft until a physician has signed it. */
  statement: { zh: string; en: string };
  review: { by: string; decision: 'accepted' | 'rejected'; reason: string } | null;
}

/** The paragraph after the last section: `draft_report` ends its text with the statement. */
function statementOf(text: unknown): string {
  const last = (typeof text === 'string' ? text : '').split('\n\n').at(-1) ?? '';
  return /^【|^(Findings|Impression|Advice)\n/.test(last) ? '' : last;
}

/** The report draft (edge/report/text.py) in its sections; null where the object holds none. */
export function reportOf(json: string): ReportView | null {
  const value = loose(JSON.parse(json));
  const sentences = Array.isArray(value['sentences']) ? value['sentences'].map(loose) : [];
  const sections = SECTIONS.map((section) => {
    const mine = sentences.filter((one) => one['section'] === section);
    return { section, zh: mine.map((one) => plain(one['zh'])).filter((one) => one !== ''), en: mine.map((one) => plain(one['en'])).filter((one) => one !== '') };
  }).filter((one) => one.zh.length + one.en.length > 0);
  if (sections.length === 0) return null;
  const review = loose(value['review']);
  const decision = review['decision'];
  return {
    sections,
    statement: { zh: statementOf(value['text_zh']), en: statementOf(value['text_en']) },
    review: decision === 'accepted' || decision === 'rejected' ? { by: plain(review['name']), decision, reason: plain(review['reason']) } : null,
  };
}
