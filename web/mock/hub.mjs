// Development only: serves the built portal and the hub's HTTP interface with an invented region.
//   node mock/hub.mjs [port]      users: expert (code 000000), coordinator, admin, it, auditor (password "xinglin").
//   POST /mock/… switches: reset, fail {on}, say {consult, text}, swap (a key), fork, drop {consult}, tamper {path}.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXPERT, HOSPITALS, Region } from './region.mjs';
import { hex, makePerson, random } from './seals.mjs';

const DIST = process.env.XINGLIN_DIST ?? fileURLToPath(new URL('../dist', import.meta.url));
const CSP = (nonce) =>
  `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'`;
const PERMISSIONS = {
  expert: ['consult.list', 'consult.read', 'consult.act', 'key.own', 'directory.read', 'roster.read'],
  coordinator: ['consult.list', 'consult.act', 'consult.assign', 'key.own', 'directory.read', 'roster.read', 'duty.manage'],
  hub_admin: ['directory.read', 'roster.read', 'duty.manage', 'people.manage', 'hospitals.manage', 'devices.manage'],
  device_it: ['directory.read', 'devices.manage'],
  auditor: ['directory.read', 'audit.read'],
};
const ACCOUNTS = { expert: ['陈专家', 'expert', EXPERT], coordinator: ['刘协调', 'coordinator', 'p_00000000000000d1'], admin: ['管理员', 'hub_admin', 'p_00000000000000d2'], it: ['赵工', 'device_it', 'p_00000000000000d3'], auditor: ['审计员', 'auditor', 'p_00000000000000d4'] };
const state = { sessions: new Map(), listeners: new Set() };

async function reset() {
  Object.assign(state, { region: await Region.make(), failing: false, keys: new Map(), tampered: new Set(), forked: null, deliver: true, invites: [], duty: [{ hospital: HOSPITALS.region, hospital_name: '区域胸科医院', department: 'respiratory', people: [{ id: EXPERT, name: '陈专家', title: 'chief', key: 'k' }] }], otp: false });
}
await reset();

const json = (res, status, body, headers = {}) => {
  res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store', ...headers });
  res.end(body === undefined ? '' : JSON.stringify(body));
};
const refuse = (res, status, code, zh, en) => json(res, status, { code, message_zh: zh, message_en: en });
const body = (req) =>
  new Promise((done) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => done(JSON.parse(Buffer.concat(parts).toString() || '{}')));
  });
const tell = (event) => state.listeners.forEach((res) => res.write(`id: ${Date.now()}\ndata: ${JSON.stringify(event)}\n\n`));

function login(res, { user, password, otp }) {
  const account = ACCOUNTS[user];
  if (!account || password !== 'xinglin') return refuse(res, 401, 'E6001', '用户名或口令不正确。', 'User name or password is wrong.');
  if (user === 'expert' && !otp) return refuse(res, 401, 'E6002', '请输入动态口令。', 'Enter the one-time code.');
  if (user === 'expert' && otp !== '000000') return refuse(res, 401, 'E6014', '动态口令不正确。', 'The one-time code is wrong.');
  const [name, role, id] = account;
  const token = randomBytes(16).toString('hex');
  const me = { id, user, name, role, hospital: HOSPITALS.region, department: role === 'expert' ? 'respiratory' : '', csrf: randomBytes(8).toString('hex'), language: 'zh', must_change: false, must_set_otp: user === 'coordinator' && !state.otp, must_show_otp: false, permissions: PERMISSIONS[role], key: keyOf(id) };
  state.sessions.set(token, me);
  return json(res, 200, me, { 'Set-Cookie': `session=${token}; HttpOnly; SameSite=Strict; Path=/` });
}
const keyOf = (id) => (state.keys.has(id) ? { id: state.keys.get(id).id, created_at: state.keys.get(id).created_at } : null);

async function setKey(res, me, made) {
  state.keys.set(me.id, { ...made, created_at: new Date().toISOString() });
  if (me.id === EXPERT) await state.region.register(me.name, made);
  else await state.region.directory.add('person', me.id, { hospital: HOSPITALS.region, name: me.name, department: '', title: '', role: me.role, key: made.id, agree_public: made.agree_public, sign_public: made.sign_public, attested: '' });
  return json(res, 201, { id: made.id });
}

function directory(res) {
  const { directory: log, hub, otherBox } = state.forked ?? state.region;
  return json(res, 200, { hub: hub.id, hub_public: hex(hub.sign_public), entries: log.entries, head: log.head(), witnesses: [log.witness(otherBox)] });
}

const publicRow = (one) => ({ ...one.row, unseen: one.events.length - (one.seen.get(EXPERT)?.seq ?? 0) });
function answer(one) {
  const names = (map) => [...map].map(([person, value]) => ({ person, name: person === EXPERT ? '陈专家' : (state.region.people.get(person)?.name ?? person), ...value }));
  return { row: publicRow(one), events: one.events, wraps: one.wraps, objects: one.objects.map(({ address, sealed }) => ({ address, size: sealed })), parties: one.row.parties, presence: names(one.presence), seen: names(one.seen) };
}
const changed = (one) => tell({ kind: 'consult', consult: one.row.id, row: publicRow(one) });

async function posted(res, me, one, statement) {
  const { body: said } = JSON.parse(statement).statement;
  const event = await state.region.append(one.row.id, statement, me.id, me.name);
  json(res, 200, { seq: event.seq, link: event.link });
  if (said.kind === 'accepted') for (const waiting of one.pending ?? []) await state.region.personSays(waiting[0], one.row.id, waiting[1], waiting[2], waiting[3]);
  if (said.kind === 'accepted') one.pending = [];
  if (said.kind === 'accepted' && one.row.kind === 'mdt') one.row.state = 'in-progress';
  changed(one);
  if (state.deliver)
    setTimeout(() => {
      for (const row of one.events) row.delivered_at ??= new Date().toISOString();
      changed(one);
    }, 400);
}

async function consults(req, res, path, me) {
  const [, id, what, address] = path.match(/^\/api\/consults\/([^/]+)(?:\/(\w+)(?:\/(\w+))?)?$/) ?? [];
  const one = state.region.cases.get(id);
  if (!one) return refuse(res, 404, 'E7601', '没有这个会诊。', 'There is no such consultation.');
  if (what === undefined) return json(res, 200, answer(one));
  if (what === 'events') return posted(res, me, one, (await body(req)).statement);
  if (what === 'seen') {
    one.seen.set(me.id, { seq: (await body(req)).seq, at: new Date().toISOString() });
    return json(res, 200, {});
  }
  if (what === 'presence') {
    one.presence.set(me.id, { at: new Date().toISOString() });
    return json(res, 200, {});
  }
  if (what === 'mdt') return json(res, 200, { seats: seats() });
  if (what === 'objects') {
    const sealed = state.region.objects.get(address);
    if (!sealed) return refuse(res, 404, 'E7602', '没有这个对象。', 'There is no such object.');
    res.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'private, max-age=3600' });
    return res.end(state.tampered.has(address) ? Buffer.from(sealed).fill(7, 200, 220) : Buffer.from(sealed));
  }
  return refuse(res, 404, 'E7603', '没有。', 'None.');
}

function suggested() {
  const rows = [...state.region.people.values()].map((one) => ({ person: one.id, name: one.name, title: '主任医师', hospital_name: '区域胸科医院', discipline: one.department, key: true, on_duty: one.department !== 'thoracic_surgery' }));
  return [...rows, { person: EXPERT, name: '陈专家', title: '主任医师', hospital_name: '区域胸科医院', discipline: 'respiratory', key: state.keys.has(EXPERT), on_duty: true }, { person: 'p_00000000000000f9', name: '新来的', title: '', hospital_name: '区域胸科医院', discipline: 'pathology', key: false, on_duty: false }];
}
const seats = () =>
  ['respiratory', 'pathology', 'imaging', 'thoracic_surgery'].map((discipline, at) => {
    const people = suggested().filter((one) => one.discipline === discipline);
    return { discipline, part: at === 0 ? 'chair' : 'member', person: people[0]?.person ?? '', reason_zh: '在班，在办 1 例', reason_en: 'on duty, 1 open', people };
  });

const PEOPLE = () => [
  { id: EXPERT, user: 'expert', name: '陈专家', role: 'expert', hospital: HOSPITALS.region, hospital_name: '区域胸科医院', department: 'respiratory', title: 'chief', active: true, otp: true, key: keyOf(EXPERT)?.id ?? null, last_seen_at: new Date().toISOString() },
  { id: 'p_00000000000000d2', user: 'admin', name: '<script>alert(1)</script>', role: 'hub_admin', hospital: null, hospital_name: null, department: '', title: '', active: true, otp: false, key: null, last_seen_at: null },
];
const DEVICES = () => [
  { id: state.region.box.id, hospital: HOSPITALS.county, hospital_name: '示范县人民医院', name: 'box-a', software: '0.2.0', joined_at: '2026-11-01T08:00:00.000Z', seen_at: new Date().toISOString(), not_after: new Date(Date.now() + 6e8).toISOString(), clock_skew_ms: 260000, revoked_at: null, asked_at: null, approved_at: null },
  { id: state.region.otherBox.id, hospital: HOSPITALS.region, hospital_name: '区域胸科医院', name: 'box-b', software: '0.2.0', joined_at: '2026-11-01T08:00:00.000Z', seen_at: '2026-10-01T08:00:00.000Z', not_after: '2026-10-20T08:00:00.000Z', clock_skew_ms: 20, revoked_at: state.revoked ? new Date().toISOString() : null, asked_at: null, approved_at: null },
];

async function api(req, res, path, me) {
  const key = `${req.method} ${path}`;
  if (key === 'GET /api/me') return json(res, 200, Object.assign(me, { key: keyOf(me.id) }));
  if (key === 'POST /api/logout') return json(res, 200, {}, { 'Set-Cookie': 'session=; Max-Age=0; Path=/' });
  if (key === 'PUT /api/me/language') return json(res, 200, Object.assign(me, await body(req)));
  if (key === 'POST /api/me/otp') return json(res, 200, { secret: 'JBSWY3DPEHPK3PXP', uri: 'otpauth://totp/Xinglin:coordinator?secret=JBSWY3DPEHPK3PXP&issuer=Xinglin' });
  if (key === 'PUT /api/me/otp') {
    if ((await body(req)).otp !== '000000') return refuse(res, 400, 'E6014', '动态口令不正确。', 'The one-time code is wrong.');
    Object.assign(me, { must_set_otp: false });
    state.otp = true;
    return json(res, 204);
  }
  if (key === 'POST /api/me/key') return setKey(res, me, await body(req));
  if (key === 'GET /api/me/key') return json(res, 200, state.keys.get(me.id));
  if (key === 'GET /api/directory') return directory(res);
  if (key === 'GET /api/events') {
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    res.write(': open\n\n');
    state.listeners.add(res);
    return req.on('close', () => state.listeners.delete(res));
  }
  if (key === 'GET /api/consults') {
    const query = new URL(req.url, 'http://x').searchParams;
    const closed = (row) => ['completed', 'rejected', 'failed', 'cancelled'].includes(row.state);
    const rows = [...state.region.cases.values()].map(publicRow).filter((row) => (query.get('state') === 'closed') === closed(row) && (query.get('state') !== 'mine' || row.owner === me.id));
    return json(res, 200, { rows });
  }
  if (path.startsWith('/api/consults/')) return consults(req, res, path, me);
  if (key === 'GET /api/people/suggest') return json(res, 200, { rows: suggested() });
  if (key === 'GET /api/duty') return json(res, 200, { rows: state.duty });
  if (key === 'PUT /api/duty') return json(res, 204);
  if (key === 'GET /api/admin/people') return json(res, 200, { rows: PEOPLE() });
  if (key === 'GET /api/admin/hospitals') return json(res, 200, { rows: Object.entries(HOSPITALS).map(([name, id]) => ({ id, name: name === 'county' ? '示范县人民医院' : '区域胸科医院', boxes: 1, recovery: true, created_at: '2026-11-01T00:00:00.000Z' })) });
  if (key === 'GET /api/admin/invites') return json(res, 200, { rows: state.invites.map(({ code: _, ...one }) => one) });
  if (key === 'POST /api/admin/invites') {
    const asked = await body(req);
    const made = { id: random('', 4), hospital: asked.hospital, hospital_name: '示范县人民医院', expires_at: new Date(Date.now() + asked.hours * 3.6e6).toISOString(), state: 'open', code: 'XL-7K2M-9QPA-4TZE-WB3D', hub: 'hub.localhost:8443', picture_text: 'hub.localhost:8443 XL-7K2M-9QPA-4TZE-WB3D' };
    state.invites.unshift(made);
    return json(res, 201, made);
  }
  if (key === 'GET /api/admin/devices') return json(res, 200, { rows: DEVICES() });
  if (key === 'GET /api/admin/renewals') return json(res, 200, { rows: state.approved ? [] : [{ node: state.region.otherBox.id, hospital_name: '区域胸科医院', software: '0.2.0', asked_at: new Date().toISOString(), approved_at: null, seen_at: null }] });
  if (path.endsWith('/approve')) {
    state.approved = true;
    return json(res, 204);
  }
  if (path.endsWith('/revoke')) {
    state.revoked = true;
    return json(res, 204);
  }
  if (key === 'GET /api/audit') return json(res, 200, { rows: [{ position: 2, at: new Date().toISOString(), actor: 'person:p_e1', kind: 'consult.opened', body: { consult: 'c_1' } }, { position: 1, at: new Date().toISOString(), actor: 'person:p_e1', kind: 'login', body: {} }] });
  return refuse(res, 404, 'E6404', '没有。', 'None.');
}

const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.wasm': 'application/wasm' };
function page(res, path) {
  const file = join(DIST, normalize(path));
  if (extname(path) !== '' && file.startsWith(DIST) && existsSync(file)) {
    res.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Cache-Control': 'public, max-age=31536000, immutable', 'X-Content-Type-Options': 'nosniff', ...(/\.m?js$/.test(path) ? { 'Content-Security-Policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'" } : {}) });
    const bytes = readFileSync(file);
    // A hub that changes a script: the page must refuse to run it.
    return res.end([...state.tampered].some((name) => path.includes(name)) ? Buffer.concat([bytes, Buffer.from('\n;globalThis.stolen = true;\n')]) : bytes);
  }
  if (extname(path) !== '') return refuse(res, 404, 'E6404', '没有。', 'None.');
  const nonce = randomBytes(16).toString('base64');
  res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', 'Content-Security-Policy': CSP(nonce), 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' });
  return res.end(readFileSync(join(DIST, 'portal.html'), 'utf8').replaceAll('__CSP_NONCE__', nonce));
}

const SWITCHES = {
  reset,
  fail: ({ on }) => {
    state.failing = on;
    if (on) state.listeners.forEach((one) => one.destroy());
  },
  tamper: ({ path }) => state.tampered.add(path),
  deliver: ({ on }) => Object.assign(state, { deliver: on }),
  damage: ({ consult, kind }) => state.tampered.add(state.region.cases.get(consult).objects.find((one) => one.kind === kind).address),
  /** The county's physician says something, or answers what was asked. */
  say: async ({ consult, text, kind }) => {
    const one = state.region.cases.get(consult);
    await state.region.boxSays(consult, kind ?? 'message', {}, await state.region.words(consult, kind === 'information.given' ? 'answer' : 'message', { text }));
    changed(one);
  },
  /** Another's words under the county's name: same event, changed after signing. */
  forge: async ({ consult }) => {
    const one = state.region.cases.get(consult);
    const event = await state.region.boxSays(consult, 'message', {}, await state.region.words(consult, 'message', { text: '伪造' }));
    event.statement = event.statement.replace(/"at":"\d{4}/, '"at":"2031');
    changed(one);
  },
  drop: ({ consult, seq }) => {
    const one = state.region.cases.get(consult);
    one.events.splice(seq - 1, 1);
    changed(one);
  },
  /** A person's key is changed: legitimately, at the end of the directory. */
  rekey: async () => {
    const [id] = state.region.people.keys();
    const old = state.region.people.get(id);
    const fresh = { ...(await makePerson(id, old.name)), department: old.department, title: old.title };
    await state.region.directory.add('retired', id, { key: old.key });
    await state.region.announce(fresh);
    state.region.people.set(id, fresh);
  },
  /** The hub shows another history. */
  fork: async () => {
    const other = await Region.make();
    other.hub = state.region.hub;
    other.directory.hub = state.region.hub;
    state.forked = other;
  },
};

const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://x');
  const path = url.pathname;
  if (path.startsWith('/mock/')) {
    await SWITCHES[path.slice(6)](await body(req));
    return json(res, 200, {});
  }
  if (!path.startsWith('/api/')) return page(res, path);
  if (state.failing) return res.writeHead(503).end();
  if (path === '/api/login') return login(res, await body(req));
  if (path === '/api/about') return json(res, 200, { region: '示范区域', hub: state.region.hub.id, oidc: true });
  const me = state.sessions.get(/session=(\w+)/.exec(req.headers.cookie ?? '')?.[1]);
  if (!me) return refuse(res, 401, 'E6003', '请登录。', 'Please log in.');
  if (req.method !== 'GET' && req.headers['x-csrf-token'] !== me.csrf) return refuse(res, 403, 'E6005', '请求缺少防伪标记。', 'The request lacks its anti-forgery token.');
  return api(req, res, path, me);
});
server.listen(Number(process.argv[2] ?? process.env.PORT ?? 8088), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
