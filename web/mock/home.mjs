// The home page's part of the development server: filters, sorts, counts, thumbnails, presets, screening.
import { randomBytes } from 'node:crypto';
import { png } from './pictures.mjs';

const RADIOGRAPHS = ['DX', 'CR', 'DR'];
const RANK = { suspected: 0, lesions: 1, clear: 2, none: 3 };
const STATES = {
  finding: (r) => RANK[r.finding],
  qc: (r) => ['reject', 'failed', 'warn', 'pending', 'none', 'pass'].indexOf(r.qc),
  ai: (r) => ['failed', 'refused', 'waiting', 'running', 'ok', 'not_applicable'].indexOf(r.ai),
  report: (r) => ['none', 'drafted', 'preliminary', 'signed', 'addended'].indexOf(r.report),
  name: (r) => r.pinyin, patient: (r) => r.patient_id, date: (r) => r.study_date + r.study_time, source: (r) => r.institution, device: (r) => r.model,
};
const EQUAL = ['repeat', 'qc', 'ai', 'sex', 'finding', 'report', 'screening'];
const NAMES = { manufacturer: 'manufacturer', model: 'model', institution: 'institution', department: 'department', ae: 'source_ae', station: 'station' };
const REPORTS = ['none', 'drafted', 'preliminary', 'signed', 'addended'];

/** What the list needs of a row beyond the study itself. */
export function adorn(row, i) {
  const modalities = i % 17 === 6 && row.modality === 'CT' ? ['CT', 'PT'] : [row.modality];
  const finding = row.ai !== 'ok' ? 'none' : row.tb_positive ? 'suspected' : row.tb_score !== null ? 'clear' : row.lesion_count ? (i % 4 === 3 ? 'lesions' : 'suspected') : 'clear';
  const kind = modalities.length > 1 ? 'mip' : row.modality !== 'CT' ? 'radiograph' : finding === 'none' || finding === 'clear' ? 'ct_middle' : 'ct_lesion';
  const thumbnail = row.completeness !== 'complete' ? null : i % 23 === 22 ? { version: '', about: { kind: 'unreadable', code: 'E2960' } } : { version: `v${i}`, about: { kind, number: 18, count: 60, lesion: 1 } };
  return { ...row, modalities, finding, thumbnail, department: ['放射科', '门诊', '急诊科'][i % 3], report: row.ai === 'ok' ? REPORTS[1 + (i % 4)] : 'none', screening: '', repeat: '', result_version: row.ai === 'waiting' || row.ai === 'running' ? 0 : 1, urgent: i % 29 === 5 };
}

function today(days) {
  const first = new Date(Date.now() - (days - 1) * 86400000);
  return first.toISOString().slice(0, 10);
}

function passes(r, get, but) {
  const q = get('q').toLowerCase();
  const modality = get('modality').split(',').flatMap((one) => (one === 'DR' ? RADIOGRAPHS : one));
  const named = (text) => r.patient_name.includes(text) || r.pinyin.startsWith(text) || r.initials === text;
  return (
    (!q || named(q) || r.patient_id.toLowerCase().includes(q) || r.accession.toLowerCase().includes(q)) &&
    (!get('name') || named(get('name').toLowerCase())) && (!get('patient') || r.patient_id.toLowerCase().startsWith(get('patient').toLowerCase())) &&
    (but === 'modality' || !get('modality') || r.modalities.some((one) => modality.includes(one))) &&
    EQUAL.every((k) => k === but || !get(k) || get(k).split(',').includes(r[k])) &&
    Object.entries(NAMES).every(([k, column]) => k === but || !get(k) || r[column] === get(k)) &&
    (!get('from') || r.study_date >= get('from')) && (!get('to') || r.study_date <= get('to')) && (!get('days') || r.study_date >= today(Number(get('days')))) &&
    (!get('source') || [r.source_ae, r.institution, r.station].some((s) => s.toLowerCase().includes(get('source').toLowerCase())))
  );
}

export function listed(all, query) {
  const get = (name) => query.get(name) ?? '';
  const rows = all.filter((r) => passes(r, get));
  const by = STATES[get('sort').replace('-', '')];
  if (by) rows.sort((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0) * (get('sort').startsWith('-') ? -1 : 1));
  return rows;
}

export function facets(all, query) {
  const get = (name) => query.get(name) ?? '';
  const counts = (name, of) => {
    const found = new Map();
    for (const row of all.filter((r) => passes(r, get, name))) for (const value of of(row)) if (value) found.set(value, (found.get(value) ?? 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1]).map(([value, count]) => ({ value, count }));
  };
  const names = Object.entries(NAMES).map(([name, column]) => [name, counts(name, (r) => [r[column]])]);
  return { facets: { modality: counts('modality', (r) => r.modalities), ...Object.fromEntries(names), ...Object.fromEntries(EQUAL.map((name) => [name, counts(name, (r) => [r[name]])])) } };
}

const drawn = new Map();
/** A small picture drawn by formulas: two lungs, a patch where something is suspected. */
export function thumbnail(row) {
  const kind = row.thumbnail?.about.kind;
  const key = `${kind}${row.finding}`;
  if (!drawn.has(key)) {
    const ct = kind.startsWith('ct');
    drawn.set(key, png(96, 96, (x, y) => {
      const [cx, cy] = ct ? [48, 50] : [48, 60];
      const body = ((x - cx) / (ct ? 44 : 42)) ** 2 + ((y - cy) / (ct ? 32 : 60)) ** 2;
      let v = body < 1 ? (ct ? 190 : 200) : 8;
      for (const lx of [30, 66]) if (((x - lx) / (ct ? 14 : 15)) ** 2 + ((y - (ct ? 48 : 44)) / (ct ? 20 : 32)) ** 2 < 1) v = 46 + ((x * 7 + y * 13) % 17);
      if (row.finding === 'suspected' && Math.hypot(x - 32, y - 36) < 7) v = 170;
      if (kind === 'mip') v = body < 1 ? 235 - (Math.hypot(x - 48, y - 30) < 9 ? 200 : Math.abs(x - 48) < 5 ? 60 : 0) : 255;
      return [v, v, v, 255];
    }));
  }
  return drawn.get(key);
}

const STANDARD = { version: 0, keys: {}, mouse: { left: 'window', middle: 'pan', right: 'zoom', wheel: 'scroll' } };

export const reset = () => ({ habits: new Map(), presets: new Map(), batches: new Map(), setting: 'after' });

const AI = ['ai', 'finding', 'tb_score', 'tb_positive', 'lesion_count'];
function item(state, row, user) {
  const read = row.read ?? null;
  const shown = state.setting === 'before' || (state.setting === 'after' && row.readers?.has(user));
  return { ...row, read, ai: shown ? Object.fromEntries(AI.map((name) => [name, row[name]])) : null };
}
function summary(state, batch, rows) {
  const tally = { normal: 0, suspicious: 0, repeat: 0, left: 0 };
  const own = batch.studies.map((id) => rows.find((r) => r.study === id)).filter(Boolean);
  for (const row of own) tally[row.screening || 'left'] += 1;
  return { batch: batch.batch, query: batch.query, created: batch.created, closed: batch.closed, tally: { ...tally, total: own.length } };
}
const refusal = (status, code, zh, en) => ({ status, body: { code, message_zh: zh, message_en: en } });

/** Answers of presets and the screening mode; null for what is not theirs. */
export async function answer(state, rows, key, path, me, given) {
  if (key === 'GET /api/me/presets') return { body: state.presets.get(me.user) ?? { version: 0, presets: [] } };
  if (key === 'PUT /api/me/presets') {
    const { version, presets } = await given();
    const kept = state.presets.get(me.user) ?? { version: 0, presets: [] };
    if (version !== kept.version) return refusal(409, 'E6016', `您的筛选方案已在另一窗口修改（第 ${kept.version} 版），请核对后再保存`, `Your presets were changed in another window (version ${kept.version}); look, then save again`);
    state.presets.set(me.user, { version: version + 1, presets });
    return { body: state.presets.get(me.user) };
  }
  if (key === 'GET /api/me/habits') return { body: state.habits.get(me.user) ?? STANDARD };
  if (key === 'PUT /api/me/habits') {
    const { version, keys, mouse } = await given();
    const kept = state.habits.get(me.user) ?? STANDARD;
    if (version !== kept.version) return refusal(409, 'E6018', `您的按键与鼠标设置已在另一窗口修改（第 ${kept.version} 版），请核对后再保存`, `Your keys and mouse were changed elsewhere (version ${kept.version}); look, then save again`);
    state.habits.set(me.user, { version: version + 1, keys, mouse });
    return { body: state.habits.get(me.user) };
  }
  if (!path.startsWith('/api/screening')) return null;
  if (key === 'GET /api/screening') return { body: { ai_setting: state.setting, batches: [...state.batches.values()].filter((b) => b.user === me.user && b.closed === null).reverse().map((b) => summary(state, b, rows)) } };
  if (key === 'POST /api/screening') {
    const { filters } = await given();
    const query = new URLSearchParams({ ...filters, modality: 'DR' });
    const studies = listed(rows, query).filter((r) => r.completeness === 'complete' && !r.screening).map((r) => r.study);
    if (studies.length === 0) return refusal(422, 'E6008', '请求内容有误（filters）', 'The request is wrong at filters');
    const { q, name, patient, ...rest } = filters;
    const batch = { batch: `sb_${randomBytes(6).toString('hex')}`, user: me.user, query: new URLSearchParams(rest).toString(), created: new Date().toISOString(), closed: null, studies };
    state.batches.set(batch.batch, batch);
    return { status: 201, body: summary(state, batch, rows) };
  }
  const [, , , id, verb] = path.split('/');
  const batch = state.batches.get(decodeURIComponent(id));
  if (!batch || batch.user !== me.user) return refusal(404, 'E6006', '未找到', 'Not found');
  if (verb === undefined) return { body: { ...summary(state, batch, rows), ai_setting: state.setting, items: batch.studies.map((s) => rows.find((r) => r.study === s)).filter(Boolean).map((r) => item(state, r, me.user)) } };
  if (verb === 'close') {
    batch.closed ??= new Date().toISOString();
    return { body: summary(state, batch, rows) };
  }
  const { study, decision, supersedes } = await given();
  const row = rows.find((r) => r.study === study);
  if (supersedes !== (row.read?.id ?? '')) return refusal(409, 'E6017', `${row.read?.name ?? '—'} 已对此片作出判读，请核对后再决定`, `${row.read?.name ?? '—'} has decided on this radiograph meanwhile; look, then decide`);
  decide(row, decision, me.user, me.name);
  return { status: 201, body: { item: item(state, row, me.user), tally: summary(state, batch, rows).tally } };
}

/** A decision by anybody; tests let another reader come first. */
export function decide(row, decision, user, name) {
  row.read = decision ? { id: `sr_${randomBytes(6).toString('hex')}`, at: new Date().toISOString(), by: user, name, decision, ai_shown: row.readers?.has(user) ?? false } : null;
  row.readers = new Set(row.readers ?? []).add(user);
  row.screening = decision;
}
