// Development only: the physician's report of an invented study, kept while the server runs.
import { png } from './pictures.mjs';

const c = (code, zh, en) => ({ code, zh, en });
const CODES = {
  state: [c('', '未分类', 'not classified'), c('active', '活动性结核病', 'active tuberculosis'), c('inactive', '非活动性结核病', 'inactive tuberculosis')],
  site: [c('', '未分类', 'not classified'), c('secondary', '继发性肺结核', 'secondary pulmonary tuberculosis')],
  bacteriology: [c('', '未填', 'not stated'), c('smear_positive', '涂片阳性', 'smear positive')],
  resistance: [c('', '未填', 'not stated'), c('rr', '利福平耐药', 'rifampicin-resistant')],
  history: [c('', '未填', 'not stated'), c('initial', '初治', 'initial treatment')],
  tier: [c('', '未分级', 'no tier'), c('suspected', '疑似病例', 'suspected case'), c('clinical', '临床诊断病例', 'clinically diagnosed case'), c('confirmed', '确诊病例', 'confirmed case')],
  basis: [c('imaging', '影像学表现', 'imaging'), c('symptoms', '可疑症状', 'symptoms'), c('culture_positive', '分枝杆菌培养阳性', 'culture positive')],
  scale: [c('timika', 'Timika 评分（Ralph 等，Thorax 2010；65:863）', 'Timika score (Ralph et al., Thorax 2010;65:863)'), c('crrs', 'CRRS 胸片判读记录（Den Boon 等，IJTLD 2005；9:1088）', 'CRRS reading (Den Boon et al., IJTLD 2005;9:1088)'), c('score', '胸片计分（Pinto 等，PLoS ONE 2013；8:e54235）', 'Chest radiograph score (Pinto et al., PLoS ONE 2013;8:e54235)')],
  crrs: [c('normal', '未见异常', 'normal'), c('tb', '有异常，符合结核', 'abnormal, consistent with tuberculosis')],
  score: [c('cavity', '空洞', 'cavity'), c('effusion', '单侧胸腔积液', 'unilateral pleural effusion')],
};
const WORDS = {
  technique: ['2026年11月22日胸部 CT 检查。', 'Chest CT, 2026-11-22.'],
  'lesions:cavity': ['右肺上叶见空洞影，大小约 23 mm × 18 mm。', 'Right upper lobe: cavity, about 23 mm × 18 mm.'],
  'impression:tb': ['右肺上叶空洞，疑似肺结核，请结合临床及病原学检查。', 'Cavity in the right upper lobe: tuberculosis is suspected; correlate with clinical and bacteriological findings.'],
  'advice:sputum': ['建议行痰涂片、分枝杆菌培养及核酸检测。', 'Sputum smear, mycobacterial culture and molecular test are advised.'],
};
const bound = (key, section, origin) => ({ key, section, way: 'bound', template: key, arguments: {}, sources: origin === 'ai' ? ['L1.long_axis_mm'] : ['record.study'], origin, confirmed: false, text: '', language: 'zh', replaces: '' });
const OFFERED = [bound('technique', 'technique', 'record'), bound('lesions:cavity', 'findings', 'ai'), bound('impression:tb', 'impression', 'ai'), bound('advice:sputum', 'advice', 'ai')];
const TABLE = { comparison: 'f1', prior_date: '20260901', current_date: '20261122', conclusion_zh: '疑似进展：1 处增大', conclusion_en: 'suspected progression: 1 larger', rows: [{ before: [1], after: [1], kind: 'cavity', before_ml: 3.1, after_ml: 5.6, share: 0.806, verdict: 'growth', verdict_zh: '增大', verdict_en: 'larger' }] };
const FRAMES = [{ frame: '1.2.3/1', lesions: [1] }, { frame: '1.2.4/1', lesions: [2, 3] }];
const PHRASES = [
  { id: 'cavity', version: 1, abbreviation: 'kd', section: 'findings', zh: '{side}肺见空洞影。', en: 'Cavity, {side} lung.', fields: [{ name: 'side', zh: '侧别', en: 'side', kind: 'choice', options: [{ zh: '右', en: 'right' }, { zh: '左', en: 'left' }] }] },
  { id: 'mediastinum', version: 1, abbreviation: 'zg', section: 'findings', zh: '纵隔居中。', en: 'The mediastinum is central.', fields: [] },
];
const field = (name, zh, en, mandatory, value, source, choices = []) => ({ name, zh, en, mandatory, value, source, choices });
const CARD = [field('name', '姓名', 'Name', true, '张三', 'record.patient'), field('telephone', '联系电话', 'Telephone', true, '', ''), field('case_class', '病例分类', 'Case class', true, '疑似病例', 'record.report', ['疑似病例', '临床诊断病例', '确诊病例']), field('remark', '备注', 'Remark', false, '', '')];

export const reset = () => ({ reports: new Map(), phrases: PHRASES.map((one) => ({ id: one.id, retired: false, versions: [{ ...one, by: '', at: '', department: '', retired: false }] })) });

const first = () => ({ statements: OFFERED, classification: { state: '', site: '', bacteriology: '', resistance: '', history: '', tier: '', basis: [] }, severity: [], dismissed: [], acknowledged: [] });
const kept = (state, study) => state.reports.get(study) ?? state.reports.set(study, { content: first(), draft: null, versions: [], typed: {}, card: '', by: '' }).get(study);

function said(state, one) {
  const known = state.phrases.flatMap((p) => p.versions).find((p) => `${p.id}@${p.version}` === one.template);
  const put = (words, at) => words.replace(/\{(\w+)\}/g, (_, name) => {
    const option = known.fields.find((f) => f.name === name)?.options.find((o) => o.zh === one.arguments[name]);
    return option?.[at] ?? one.arguments[name] ?? '____';
  });
  const [zh, en] = one.way === 'free' ? [one.text, one.text] : one.way === 'phrase' ? [put(known.zh, 'zh'), put(known.en, 'en')] : (WORDS[one.key] ?? ['', '']);
  return { key: one.key, section: one.section, zh, en, untranslated: one.way === 'free' ? 'en' : '' };
}

function shown(state, content) {
  const waiting = content.statements.filter((one) => one.origin === 'ai' && !one.confirmed);
  const { tier, basis } = content.classification;
  const beyond = basis.filter((one) => one.code !== 'imaging').length;
  const prompts = [];
  const block = (name, zh, en, why, whyEn) => prompts.push({ name, level: 'block', zh, en, reason_zh: why, reason_en: whyEn, keys: [], insert: null });
  if (waiting.length > 0) block('unconfirmed', `${waiting.length} 条 AI 语句尚未确认`, `${waiting.length} AI statements unconfirmed`, 'AI 语句须由医师逐条确认', 'A physician confirms each');
  if ((tier === 'clinical' || tier === 'confirmed') && beyond === 0) block('tier', '仅凭影像不得超过“疑似”', 'Imaging alone never exceeds suspected', 'WS 288-2017', 'WS 288-2017');
  return { said: content.statements.map((one) => said(state, one)), prompts, changes: [], follow_up: TABLE, severity: [{ scale: 'timika', value: '52', source: 'measurement', note_zh: '由热图估计', note_en: "from the AI's map", confirmed: false }], facts: [] };
}

function whole(state, study, me) {
  const one = kept(state, study);
  const newest = one.versions.at(-1);
  const frozen = newest !== undefined && newest.kind !== 'preliminary';
  return {
    draft: one.draft, content: one.content, base: newest?.version ?? 0, state: newest?.kind ?? 'none', versions: one.versions, others: [],
    may: { write: me.permissions.includes('report.write') && !frozen, sign: me.permissions.includes('report.sign') && !frozen, add: me.permissions.includes('report.sign') && frozen },
    card: card(state, study), documents: [], pictures: FRAMES, codes: CODES, ...shown(state, one.content),
  };
}

function saved(state, study, me, kind, more = {}) {
  const one = kept(state, study);
  const version = one.versions.length + 1;
  const words = (at) => one.content.statements.map((x) => said(state, x)[at]).join('');
  one.versions.push({ id: `rp_${version}`, version, kind, at: new Date().toISOString(), name: me.name, body: { text_zh: words('zh'), text_en: words('en'), digest: '0', ...more } });
  one.draft = null;
  return { status: 201, body: whole(state, study, me) };
}

function card(state, study) {
  const one = kept(state, study);
  const fields = CARD.map((f) => (one.typed[f.name] === undefined ? f : { ...f, value: one.typed[f.name], source: 'person' }));
  return { state: one.card === '' ? 'due' : one.card, due_at: new Date(Date.now() - 2 * 3_600_000).toISOString(), overdue: one.card !== 'reported' && one.card !== 'not_needed', fields, missing: fields.filter((f) => f.mandatory && f.value === '').map((f) => f.name), by: one.by, at: new Date().toISOString() };
}

const refused = (status, code, zh, en) => ({ status, body: { code, message_zh: zh, message_en: en } });

/** Answer of a study's report; null where the path is none of it. `method` and what follows `/report`. */
export async function answer(state, study, method, tail, me, read) {
  const key = `${method} ${tail}`;
  const one = kept(state, study);
  if (key === 'GET ') return { body: whole(state, study, me) };
  if (key === 'GET /picture') return { png: png(176, 140, (x, y) => [x % 200, y % 200, 90, 255]) };
  if (key === 'GET /card') return { body: card(state, study) };
  if (key === 'PUT /card') {
    const form = await read();
    Object.assign(one, { typed: { ...one.typed, ...form.fields }, card: form.state, by: me.name });
    return { body: card(state, study) };
  }
  if (key === 'PUT /draft') {
    const form = await read();
    const last = one.draft?.version ?? 0;
    if (form.version !== last) return refused(409, 'E5202', '该草稿已在别处保存', 'The draft was saved elsewhere');
    one.content = form.content;
    one.draft = { version: last + 1, base: form.base, content: form.content, changed_at: new Date().toISOString() };
    return { body: { version: last + 1, saved_at: one.draft.changed_at, ...shown(state, one.content) } };
  }
  if (key === 'POST /preliminary') return saved(state, study, me, 'preliminary');
  if (key === 'POST /sign' || key === 'POST /addendum') {
    const form = await read();
    if (form.otp !== '000000') return refused(401, 'E6014', '动态口令不正确。', 'The one-time code is wrong.');
    const open = shown(state, one.content).prompts.length;
    if (key === 'POST /sign' && open > 0) return refused(422, 'E5207', `还有 ${open} 条提示未处理`, `${open} prompts are open`);
    return key === 'POST /sign' ? saved(state, study, me, 'signed') : saved(state, study, me, 'addendum', { text_zh: form.text, text_en: form.text });
  }
  return null;
}

/** Answer of the phrases' paths; null where the path is none of them. */
export async function phrases(state, method, path, me, read) {
  const [, id, verb] = path.match(/^\/api\/report\/phrases(?:\/([\w-]+))?(?:\/(retire))?$/) ?? [null];
  if (!path.startsWith('/api/report/phrases')) return null;
  const used = state.phrases.filter((one) => !one.retired).map((one) => one.versions[0]);
  if (method === 'GET') return { body: id === 'all' ? { rows: state.phrases } : { rows: used, may_edit: me.permissions.includes('report.phrases') } };
  const form = await read();
  let one = state.phrases.find((p) => p.id === id);
  if (one === undefined) state.phrases.push((one = { id, retired: false, versions: [] }));
  const last = one.versions[0]?.version ?? 0;
  if (form.version !== last) return refused(409, 'E5203', '已有更新的版本', 'There is a newer version');
  one.retired = verb === 'retire';
  one.versions.unshift({ ...(one.versions[0] ?? {}), ...form, id, version: last + 1, by: me.name, at: new Date().toISOString(), department: '', retired: one.retired });
  return { body: one.versions[0] };
}
