// Quality on screen, for the development server: verdicts with advice, the modality room, statistics.
const CLOSINGS = [
  ['patient_left', '患者已离开', 'the patient has left'], ['patient_unable', '患者不能配合', 'the patient cannot'],
  ['sufficient', '现有图像已够诊断', 'the picture serves the diagnosis'], ['dose', '不宜再次照射', 'no further exposure is justified'],
  ['equipment', '设备故障', 'the device is out of order'], ['wrong_request', '通知有误', 'the request was a mistake'],
  ['other_study', '已用其他编号重拍', 'repeated under another number'], ['other', '其他', 'other'],
].map(([code, zh, en]) => ({ code, zh, en }));
const ADVICE = {
  DR_BLUR: ['repeat', '嘱患者屏气、固定体位，缩短曝光时间后重拍。', 'Repeat with breath held, the patient steadied and a shorter exposure.'],
  DR_CUT_BASES: ['repeat', '下移照射野，包全双侧肋膈角后重拍。', 'Move the field down to hold both costophrenic angles; repeat.'],
  DR_NOISE: ['decide', '请医师看图判断是否影响诊断，再决定是否重做。', 'A physician looks whether it hides anything, then decides on a repeat.'],
  CT_SLICE_GAP: ['resend', '请在控制台核对张数，重新发送完整序列；不需要重新扫描。', 'Check the number of images at the console and send the whole series again; no new scan.'],
};
const adviceOf = (code) => ADVICE[code] ?? ADVICE.DR_NOISE;
const advised = (reason) => {
  const [action, advice_zh, advice_en] = adviceOf(reason.code);
  return { ...reason, action, advice_zh, advice_en };
};
const OPEN = ['requested', 'acknowledged'];
const now = () => new Date().toISOString();

function requestOf(row, body, me) {
  const reasons = (body.codes ?? []).map((code) => advised({ code, message_zh: body.texts?.[code]?.[0] ?? code, message_en: body.texts?.[code]?.[1] ?? code }));
  return {
    id: `rr_${Math.random().toString(16).slice(2)}`, study: row.study, ask: body.ask ?? 'repeat', origin: me === null ? 'automatic' : 'physician', name: me?.name ?? '', at: now(), note: body.note ?? '',
    state: 'requested', seen_at: '', seen_name: '', closed_at: '', closed_name: '', reason: '', reason_zh: '', reason_en: '', closing_note: '', new_study: '', reasons,
    ...Object.fromEntries(['patient_name', 'patient_id', 'sex', 'birth_date', 'modality', 'description', 'manufacturer', 'model', 'station', 'source_ae', 'study_date', 'study_time'].map((name) => [name, row[name]])),
  };
}

export const reset = () => ({ requests: [] });

export function qualityOf(state, row, analysis) {
  const qc = analysis?.qc ?? null;
  const rank = { reject: 0, warn: 1, info: 2 };
  return {
    verdict: qc?.verdict ?? '', reasons: (qc?.reasons ?? []).map(advised).sort((a, b) => rank[a.severity] - rank[b.severity]),
    requests: state.requests.filter((one) => one.study === row.study).reverse(), closings: CLOSINGS,
  };
}

export const openOf = (state) => state.requests.filter((one) => OPEN.includes(one.state));
export const news = (state) => ({ now: now(), beat_s: 3, open: openOf(state) });

/** Raise a request as the box's quality control does, or as a physician. */
export function raise(state, row, body, me = null) {
  const made = requestOf(row, body, me);
  state.requests.push(made);
  row.repeat = 'requested';
  return made;
}

function close(one, body, me, outcome) {
  const why = CLOSINGS.find((closing) => closing.code === body.reason);
  Object.assign(one, { state: outcome, closed_at: now(), closed_name: me.name, reason: body.reason, reason_zh: why.zh, reason_en: why.en, closing_note: body.note ?? '' });
}

const rate = (part, whole) => (whole === 0 ? null : { part, whole, share: part / whole, low: Math.max(0, part / whole - 0.05), high: Math.min(1, part / whole + 0.08) });

function line(group, rows) {
  const count = (test) => rows.filter(test).length;
  const judged = count((r) => ['pass', 'warn', 'reject'].includes(r.qc));
  const asked = count((r) => (r.repeat ?? '') !== '');
  return {
    group, studies: rows.length, judged, pass: count((r) => r.qc === 'pass'), warn: count((r) => r.qc === 'warn'), reject: count((r) => r.qc === 'reject'), failed: count((r) => r.qc === 'failed'),
    asked, done: count((r) => r.repeat === 'done'), refused: count((r) => r.repeat === 'refused'), withdrawn: count((r) => r.repeat === 'withdrawn'),
    reject_rate: rate(count((r) => r.qc === 'reject'), judged), asked_rate: rate(asked, rows.length), small: rows.length < 30,
    reasons: [{ code: 'DR_NOISE', count: count((r) => r.qc === 'warn') }, { code: 'DR_BLUR', count: count((r) => r.qc === 'reject') }].filter((one) => one.count > 0),
  };
}

const OPERATORS = ['李技师', '张技师', '赵技师', ''];
function counts(rows, by) {
  const groups = new Map();
  rows.forEach((row, i) => {
    const group = by === 'operator' ? { operator: OPERATORS[i % 4] } : { manufacturer: row.manufacturer, model: row.model, station: row.station, ae: row.source_ae };
    const key = JSON.stringify(group);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  });
  const lines = [...groups].map(([key, some]) => line(JSON.parse(key), some)).sort((a, b) => b.studies - a.studies);
  const advice = Object.fromEntries(Object.entries(ADVICE).map(([code, [, zh, en]]) => [code, { zh, en }]));
  return { by, at: now(), rows: lines, total: line({}, rows), advice, staff: true };
}

/** null: no route of ours. `told` says that the room hears of it. */
export async function answer(state, rows, key, path, query, me, read) {
  if (key === 'GET /api/quality') return { body: counts(rows, query.get('by') ?? 'device') };
  if (key === 'GET /api/room') return { body: { ...news(state), closed: state.requests.filter((one) => !OPEN.includes(one.state)), closings: CLOSINGS } };
  const [, id, verb] = path.match(/^\/api\/room\/(\w+)\/(acknowledge|close)$/) ?? [];
  const one = state.requests.find((request) => request.id === id);
  if (one !== undefined) {
    if (verb === 'acknowledge' && one.state === 'requested') Object.assign(one, { state: 'acknowledged', seen_at: now(), seen_name: me.name });
    const body = verb === 'close' ? await read() : null;
    if (body !== null) close(one, body, me, body.outcome);
    rows.find((row) => row.study === one.study).repeat = one.state;
    return { body: one, told: one.study };
  }
  const [, study, request] = path.match(/^\/api\/studies\/([^/]+)\/repeat(?:\/(\w+)\/withdraw)?$/) ?? [];
  const row = rows.find((r) => r.study === study);
  if (row === undefined) return null;
  const body = await read();
  if (request === undefined) raise(state, row, body, me);
  else {
    const open = state.requests.find((r) => r.id === request);
    close(open, body, me, 'withdrawn');
    row.repeat = 'withdrawn';
  }
  return { status: 201, body: {}, told: study };
}
