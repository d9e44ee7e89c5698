// Saved measurements of the development server: lists per study and person, in memory; no numbers but lengths in pixels.
const ELSEWHERE = { status: 409, body: { code: 'E5451', message_zh: '您的测量已在另一窗口保存：两份都保留，请选择', message_en: 'Your measurements were saved in another window: both are kept; choose' } };
const empty = (me) => ({ by: me.user, name: me.name, version: 0, at: '', sent_version: 0, sent_at: '', state: '', measures: [] });

export const reset = () => new Map();

function shown(lists, me) {
  const others = [...lists.values()].filter((list) => list.by !== me.user);
  return { mine: lists.get(me.user) ?? empty(me), others, may: me.permissions.includes('study.override'), destination: 'pacs' };
}

/** Answers a request for a study's measurements; null where it is none. */
export async function answer(state, method, study, rest, me, asJson) {
  if (!state.has(study)) state.set(study, new Map());
  const lists = state.get(study);
  const mine = lists.get(me.user) ?? empty(me);
  if (method === 'GET') return { body: shown(lists, me) };
  const said = await asJson();
  if (said.version !== mine.version) return ELSEWHERE;
  if (rest === 'send') lists.set(me.user, { ...mine, sent_version: mine.version, sent_at: new Date().toISOString(), state: 'confirmed' });
  else {
    const measures = said.measures.map((one) => ({ ...one, series: '', numbers: {}, refusal: '' }));
    const same = JSON.stringify(measures) === JSON.stringify(mine.measures);
    if (!same) lists.set(me.user, { ...mine, version: mine.version + 1, at: new Date().toISOString(), measures });
  }
  return { status: rest === 'send' ? 202 : 200, body: shown(lists, me) };
}
