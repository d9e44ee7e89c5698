// Development only: serves the built page and the appliance's HTTP interface with invented data.
//   node mock/server.mjs [port]      users: physician, tech, it, auditor (password "xinglin");
//   "otp" needs the second step (code 000000). POST /mock/event {study,row} sends a live event,
//   POST /mock/fail {on:true} makes the server answer 503 , {frames:[0, 30]} for these pictures of a CT only; POST /mock/reset starts afresh.
import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as data from './data.mjs';
import * as box from './box.mjs';
import * as home from './home.mjs';
import * as joined from './joined.mjs';
import * as report from './report.mjs';
import * as quality from './quality.mjs';
import * as review from './review.mjs';
import * as measured from './measured.mjs';
import { ctSlice, heatmap, petSlice, radiograph, solids } from './pictures.mjs';

const DIST = process.env.XINGLIN_DIST ?? fileURLToPath(new URL('../dist', import.meta.url));
const NOW = Date.now();
const PERMISSIONS = {
  radiographer: ['worklist.read', 'study.read', 'study.open', 'upload', 'quarantine.read', 'queue.read', 'room.use', 'quality.read'],
  physician: ['worklist.read', 'study.read', 'study.open', 'study.override', 'upload', 'quarantine.read', 'queue.read', 'region.read', 'consult.read', 'consult.request', 'room.use', 'repeat.ask', 'quality.read', 'quality.staff', 'report.write'],
  device_it: ['worklist.read', 'quarantine.read', 'quarantine.release', 'queue.read', 'queue.resend', 'users.manage', 'system.read', 'region.read', 'region.manage'],
  township: ['township.send'],
  reporter: ['worklist.read', 'study.read', 'study.open', 'report.write', 'report.sign', 'report.phrases'],
  auditor: ['audit.read', 'system.read'],
};
const all = [...new Set(Object.values(PERMISSIONS).flat())];
const ACCOUNTS = {
  physician: ['王医生', 'physician'], tech: ['李技师', 'radiographer'], it: ['赵工', 'device_it'], auditor: ['审计员', 'auditor'], otp: ['陈主任', 'radiologist'], admin: ['管理员', 'device_it'], reporter: ['陈放', 'reporter'], township: ['青石镇卫生院', 'township'],
};
const state = { sessions: new Map(), listeners: new Set(), boxListeners: new Set(), roomListeners: new Set() };
function reset() {
  Object.assign(state, { rows: Array.from({ length: 137 }, (_, i) => home.adorn(data.makeRow(i, NOW), i)), home: home.reset(), report: report.reset(), measured: measured.reset(), review: review.reset(), quarantine: data.quarantine(NOW), users: data.users(NOW), failing: false, lost: [], quality: quality.reset(), box: box.reset(NOW) });
}
reset();
const pictures = { ct: new Map(), dr: null };
const CSP = (nonce) =>
  `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'`;

const json = (res, status, body, headers = {}) => {
  res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store', ...headers });
  res.end(body === undefined ? '' : JSON.stringify(body));
};
const refuse = (res, status, code, zh, en) => json(res, status, { code, message_zh: zh, message_en: en });
const body = (req) =>
  new Promise((done) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => done(Buffer.concat(parts)));
  });
const asJson = async (req) => JSON.parse((await body(req)).toString() || '{}');
const publicRow = ({ pinyin, initials, read, readers, ...row }) => row;

function worklist(query) {
  const get = (name) => query.get(name) ?? '';
  const rows = home.listed(state.rows, query);
  const start = get('after') ? rows.findIndex((r) => r.study === get('after')) + 1 : 0;
  const limit = Number(get('limit') || 50);
  const page = rows.slice(start, start + limit);
  return { rows: page.map(publicRow), next: start + limit < rows.length ? page.at(-1).study : null, total: rows.length };
}

function login(res, { user, password, otp, language }) {
  const account = ACCOUNTS[user];
  if (!account || password !== 'xinglin') return refuse(res, 401, 'E6001', '用户名或口令不正确。', 'User name or password is wrong.');
  if (user === 'otp' && !otp) return refuse(res, 401, 'E6002', '请输入动态口令。', 'Enter the one-time code.');
  if (user === 'otp' && otp !== '000000') return refuse(res, 401, 'E6014', '动态口令不正确。', 'The one-time code is wrong.');
  const id = randomBytes(16).toString('hex');
  const me = { user, name: account[0], role: account[1], csrf: randomBytes(8).toString('hex'), language: language ?? 'zh', must_change: false, permissions: user === 'admin' ? all : (PERMISSIONS[account[1]] ?? PERMISSIONS.physician) };
  state.sessions.set(id, me);
  return json(res, 200, me, { 'Set-Cookie': `session=${id}; HttpOnly; SameSite=Strict; Path=/` });
}

function events(req, res, listeners = state.listeners) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  res.write(': open\n\n');
  listeners.add(res);
  req.on('close', () => listeners.delete(res));
}
const tell = (event, listeners = state.listeners) => listeners.forEach((res) => res.write(`id: ${Date.now()}\ndata: ${JSON.stringify(event)}\n\n`));

/** The room and the reading room both hear of a request. */
function toldRoom(study) {
  tell(quality.news(state.quality), state.roomListeners);
  const row = state.rows.find((r) => r.study === study);
  tell({ study, row: publicRow(row) });
}
// The beat that tells the room's page that the line stands.
setInterval(() => tell({ now: new Date().toISOString(), beat_s: 3 }, state.roomListeners), 3000).unref();

function frame(res, url) {
  const uid = url.match(/instances\/([\d.]+)\/frames/)[1].split('.');
  const row = state.rows.find((r) => url.includes(`/studies/${r.study_uid}/`));
  const z = Number(uid.at(-1)) - 1;
  let pixels;
  if (uid.at(-2) === '4') pixels = petSlice(z);
  else if (row.modality === 'CT') {
    if (!pictures.ct.has(z)) pictures.ct.set(z, ctSlice(uid.at(-2) === '1' ? 30 : z));
    pixels = pictures.ct.get(z);
  } else pixels = pictures.dr ??= radiograph();
  const edge = 'xinglin-frame';
  res.writeHead(200, { 'Content-Type': `multipart/related; type="application/octet-stream"; boundary=${edge}`, 'Cache-Control': 'private, max-age=3600' });
  res.end(Buffer.concat([Buffer.from(`--${edge}\r\nContent-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\r\n\r\n`), pixels, Buffer.from(`\r\n--${edge}--\r\n`)]));
}

async function study(req, res, path, me) {
  const [, drawnOn, rest] = path.match(/^\/api\/studies\/([^/]+)\/measurements(?:\/(send))?$/) ?? [];
  if (drawnOn !== undefined) {
    const kept = await measured.answer(state.measured, req.method, drawnOn, rest, me, () => asJson(req));
    return json(res, kept.status ?? 200, kept.body);
  }
  const [, carrier, kept, picture] = path.match(/^\/api\/studies\/([^/]+)\/joined(?:\/(\w+))?(?:\/pictures\/([\w-]+))?$/) ?? [];
  if (carrier !== undefined) {
    const found = joined.answer(carrier, kept, picture);
    if (found === null) return refuse(res, 404, 'E6404', '没有。', 'None.');
    if (found.json !== undefined) return json(res, 200, found.json);
    res.writeHead(200, { 'Content-Type': 'image/png' });
    return res.end(found.png);
  }
  const [, id, what] = path.match(/^\/api\/studies\/([^/]+)(?:\/(\w+))?/) ?? [];
  const row = state.rows.find((r) => r.study === id);
  const reviewed = row ? await review.answer(state.review, row, `${req.method} ${path}`, () => asJson(req), me) : null;
  if (reviewed !== null) return json(res, reviewed.status ?? 200, reviewed.body);
  if (!row) return refuse(res, 404, 'E6404', '没有这个检查。', 'There is no such study.');
  if (what === 'report') {
    const told = await report.answer(state.report, id, req.method, path.split('/report')[1] ?? '', me, () => asJson(req));
    if (told?.png !== undefined) return res.writeHead(200, { 'Content-Type': 'image/png' }).end(told.png);
    if (told !== null) return json(res, told.status ?? 200, told.body);
  }
  if (what === undefined || what === 'quality') {
    const whole = data.studyOf(row);
    const judged = quality.qualityOf(state.quality, row, whole.analysis);
    return json(res, 200, what === 'quality' ? judged : { ...whole, row: publicRow(row), quality: judged });
  }
  if (what === 'manifest') return json(res, 200, data.manifestOf(row));
  if (what === 'priors') return json(res, 200, { priors: state.rows.filter((r) => r !== row && r.patient_id === row.patient_id).map((r) => ({ ...publicRow(r), contradicts: '' })) });
  if (what === 'outlines') return json(res, 200, data.outlinesOf(row));
  if (what === 'solids' && row.modality === 'CT' && row.lesion_count) {
    res.writeHead(200, { 'Content-Type': 'application/octet-stream' });
    return res.end(solids(row.study_uid));
  }
  if (what === 'thumbnail') {
    res.writeHead(200, { 'Content-Type': 'image/png' });
    return res.end(home.thumbnail(row));
  }
  if (what === 'heatmap') {
    if (row.tb_score === null) return refuse(res, 404, 'E6404', '没有热图。', 'No heat map.');
    res.writeHead(200, { 'Content-Type': 'image/png' });
    return res.end(heatmap());
  }
  if (what === 'override') {
    if (!me.permissions.includes('study.override')) return refuse(res, 403, 'E6403', '没有权限。', 'Not permitted.');
    Object.assign(row, { ai: 'running', overridden: true, updated_at: new Date().toISOString() });
    tell({ study: row.study, row: publicRow(row) });
    return json(res, 202, {});
  }
  return refuse(res, 404, 'E6404', '没有。', 'None.');
}

async function api(req, res, path, query, me) {
  const key = `${req.method} ${path}`;
  if (key === 'GET /api/me') return json(res, 200, me);
  if (key === 'POST /api/logout') return json(res, 200, {}, { 'Set-Cookie': 'session=; Max-Age=0; Path=/' });
  if (key === 'PUT /api/me/language') return json(res, 200, Object.assign(me, await asJson(req)));
  if (key === 'POST /api/me/password') return (await asJson(req)).old === 'xinglin' ? json(res, 200, {}) : refuse(res, 400, 'E6004', '原口令不正确。', 'The old password is wrong.');
  if (key === 'GET /api/worklist') return json(res, 200, worklist(query));
  if (key === 'GET /api/worklist/facets') return json(res, 200, home.facets(state.rows, query));
  if (key === 'GET /api/worklist/events') return events(req, res);
  const said = await home.answer(state.home, state.rows, key, path, me, () => asJson(req));
  if (said !== null) return json(res, said.status ?? 200, said.body);
  if (key === 'GET /api/room/events') {
    events(req, res, state.roomListeners);
    return tell(quality.news(state.quality), [res]);
  }
  const judged = await quality.answer(state.quality, state.rows, key, path, query, me, () => asJson(req));
  if (judged !== null) {
    if (judged.told !== undefined) toldRoom(judged.told);
    return json(res, judged.status ?? 200, judged.body);
  }
  if (key === 'GET /api/consults/events') return events(req, res, state.boxListeners);
  const told = await box.answer(state.box, key, path, me, () => asJson(req), () => body(req));
  if (told !== null) {
    if (told.changed) tell({ consult: told.changed }, state.boxListeners);
    return json(res, told.status ?? 200, told.body);
  }
  const phrased = await report.phrases(state.report, req.method, path, me, () => asJson(req));
  if (phrased !== null) return json(res, phrased.status ?? 200, phrased.body);
  if (path.startsWith('/api/studies/')) return study(req, res, path, me);
  if (key === 'GET /api/quarantine') return json(res, 200, { rows: state.quarantine });
  if (path.startsWith('/api/quarantine/')) {
    const [, , , id, verb] = path.split('/');
    state.quarantine.find((r) => r.id === id).state = verb === 'release' ? 'released' : 'dismissed';
    return json(res, 200, {});
  }
  if (key === 'GET /api/queue') return json(res, 200, data.queueOf(NOW));
  if (path.startsWith('/api/queue/')) return json(res, 202, {});
  if (key === 'GET /api/system') return json(res, 200, data.systemOf(Date.now()));
  if (key === 'GET /api/users') return json(res, 200, { rows: state.users });
  if (key === 'POST /api/users') {
    const { password, ...user } = await asJson(req);
    if (password.length < 10) return refuse(res, 400, 'E6011', '口令至少 10 个字符。', 'The password needs at least 10 characters.');
    state.users.push({ active: true, otp: false, last_login: null, ...user });
    return json(res, 201, {});
  }
  if (req.method === 'PUT' && path.startsWith('/api/users/')) {
    const { password, ...change } = await asJson(req);
    return json(res, 200, Object.assign(state.users.find((u) => u.user === decodeURIComponent(path.slice(11))), change));
  }
  if (key === 'POST /api/upload') {
    const text = (await body(req)).toString('latin1');
    const names = [...text.matchAll(/filename="([^"]*)"/g)].map((m) => Buffer.from(m[1], 'latin1').toString());
    const bad = names.filter((n) => n.endsWith('.txt'));
    return json(res, 200, { accepted: names.length - bad.length, duplicates: 0, refused: [], quarantined: bad.map((n) => ({ name_hint: n, code: 'E2301', message_zh: '不是 DICOM 文件。', message_en: 'Not a DICOM file.' })) });
  }
  return refuse(res, 404, 'E6404', '没有。', 'None.');
}

const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html', '.svg': 'image/svg+xml', '.wasm': 'application/wasm', '.json': 'application/json' };
function page(res, path) {
  const file = join(DIST, normalize(path));
  if (extname(path) !== '' && file.startsWith(DIST) && existsSync(file)) {
    res.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Cache-Control': 'public, max-age=31536000, immutable', 'X-Content-Type-Options': 'nosniff' });
    return createReadStream(file).pipe(res);
  }
  if (extname(path) !== '') return refuse(res, 404, 'E6404', '没有。', 'None.');
  const nonce = randomBytes(16).toString('base64');
  res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', 'Content-Security-Policy': CSP(nonce), 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' });
  return res.end(readFileSync(join(DIST, 'index.html'), 'utf8').replaceAll('__CSP_NONCE__', nonce));
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://x');
  if (url.pathname === '/mock/reset') {
    reset();
    return json(res, 200, {});
  }
  if (url.pathname === '/mock/fail') {
    const { on, frames } = await asJson(req);
    state.lost = frames ?? [];
    state.failing = on === true;
    if (state.failing) [...state.listeners, ...state.roomListeners].forEach((l) => l.destroy());
    return json(res, 200, {});
  }
  if (url.pathname === '/mock/box') {
    const changed = box.happen(state.box, await asJson(req));
    if (changed !== undefined) tell({ consult: changed }, state.boxListeners);
    return json(res, 200, {});
  }
  if (url.pathname === '/mock/event') {
    const { study: id, change, fresh } = await asJson(req);
    if (fresh) state.rows.unshift({ ...home.adorn(data.makeRow(Number(fresh), Date.now()), Number(fresh)), study: `n${fresh}`, study_uid: `2.25.777${fresh}` });
    const row = state.rows.find((r) => r.study === (fresh ? `n${fresh}` : id));
    Object.assign(row, change ?? {});
    tell({ study: row.study, row: publicRow(row) });
    return json(res, 200, {});
  }
  if (url.pathname === '/mock/repeat') {
    const { study, ...wish } = await asJson(req);
    const row = state.rows.find((r) => r.study === study);
    quality.raise(state.quality, row, wish, null);
    toldRoom(study);
    return json(res, 200, {});
  }
  if (url.pathname === '/mock/home') {
    const { setting, decided, presets } = await asJson(req);
    state.home.setting = setting ?? state.home.setting;
    if (decided) home.decide(state.rows.find((r) => r.study === decided.study), decided.decision, 'other', '陈主任');
    if (presets) state.home.presets.set('physician', presets);
    return json(res, 200, {});
  }
  if (url.pathname === '/mock/review') {
    const { study: id, ...said } = await asJson(req);
    review.happen(state.review, state.rows.find((r) => r.study === id), said);
    return json(res, 200, {});
  }
  const served = url.pathname.startsWith('/api/') || url.pathname.startsWith('/dicomweb/');
  if (!served) return page(res, url.pathname);
  if (state.failing) return res.writeHead(503).end();
  if (url.pathname === '/api/login') return login(res, await asJson(req));
  const me = state.sessions.get(/session=(\w+)/.exec(req.headers.cookie ?? '')?.[1]);
  if (!me) return refuse(res, 401, 'E6003', '请登录。', 'Please log in.');
  if (req.method !== 'GET' && req.headers['x-csrf-token'] !== me.csrf) return refuse(res, 403, 'E6005', '请求缺少防伪标记。', 'The request lacks its anti-forgery token.');
  if (state.lost.some((z) => url.pathname.includes(`.${z + 1}/frames/`))) return res.writeHead(503).end();
  if (url.pathname.startsWith('/dicomweb/')) return frame(res, url.pathname);
  return api(req, res, url.pathname, url.searchParams, me);
});
server.listen(Number(process.argv[2] ?? process.env.PORT ?? 8089), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
