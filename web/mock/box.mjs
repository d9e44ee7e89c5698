// Development only: the appliance's consultations and its place in the region, invented.
import { randomBytes } from 'node:crypto';

const hex = (bytes) => randomBytes(bytes).toString('hex');
const XSS = '<img src=x onerror=alert(1)>';
const person = (person, name, title, key_state, on_duty) => ({ person, name, title, level: 'chief', key: hex(32), key_state, attested: true, on_duty });

export function reset(now) {
  const at = (minutes) => new Date(now - minutes * 60000).toISOString();
  const row = (id, more) => ({
    id, study: 's0001', patient_name: '张伟', patient_id: 'P203100', modality: 'CT', kind: 'consultation', authority: 'hub', urgency: 'urgent', state: 'in-progress', business_state: '', place: 'in-progress',
    deadline_at: new Date(now + 5.4e6).toISOString(), to_hospital_name: '区域胸科医院', to_department: 'respiratory', purpose: '右上肺空洞，请判断是否活动性。', owner: 'p_e1', owner_name: '陈专家', requested_at: at(50), changed_at: at(5), closed_at: null, source: '', opinions: 1,
    upload: { items: 52, bytes: 11_500_000, done_items: 40, done_bytes: 8_100_000, dead_items: 0, preparing: '' }, alarms: 0, ...more,
  });
  const event = (n, kind, actor_name, opened, more = {}) => ({ n, id: `e_${n}`, kind, actor: actor_name === '陈专家' ? 'p_e1' : 'node', actor_name, title: actor_name === '陈专家' ? 'chief' : '', at: at(50 - n * 8), digest: hex(32), opened, signature: { state: 'verified', error: null }, facts: {}, papers: {}, ...more });
  const one = {
    row: row('c_1'),
    request: { purpose: '右上肺空洞，请判断是否活动性。', summary: '咳嗽低热 3 周', consent: { reference: '知情同意书 2026-1122', at: at(55) }, at: at(50) },
    parties: [{ person: 'p_e1', name: '陈专家', title: 'chief', part: 'expert', discipline: 'respiratory', invited_at: at(50), removed_at: null, declined: false }],
    events: [
      event(1, 'requested', '示范县人民医院', null),
      event(2, 'accepted', '陈专家', null),
      event(3, 'information.asked', '陈专家', { text: '请补充近一年 CT' }),
      event(4, 'opinion', '陈专家', { impression: `右上叶空洞，疑似活动性肺结核 ${XSS}`, findings: { tb: 'suspected', next_steps: ['sputum'] }, advice: '痰 Xpert', text: '', dissent: false, basis: [], case: hex(32), discipline: 'respiratory' }, { facts: { discipline: 'respiratory' }, papers: { opinion_pdf: '2.25.1', opinion_sr: '2.25.2' } }),
      event(5, 'message', XSS, { text: `${XSS} 请注意隔离` }, { signature: { state: 'fault', error: { code: 'E7022', message_zh: '签名校验失败', message_en: 'The signature is wrong' } } }),
    ],
    pending: [], documents: [{ id: 'd1', title: '痰涂片.pdf', content_type: 'application/pdf', bytes: 182_000, at: at(52) }], may: ['message', 'information.given', 'invited', 'cancelled'], me: 'u_1', epoch: 1,
    alarms: [{ id: 'a1', at: at(3), code: 'E7912', message_zh: '有一条记录的签名不符，已标出', message_en: 'An entry has a wrong signature; it is marked' }],
  };
  one.opinions = one.events.filter((e) => e.kind === 'opinion');
  return {
    cases: { c_1: one },
    drafts: {},
    region: {
      joined: true, node: hex(32), hub: { id: hex(32), sync_address: 'hub.localhost:8444', enrol_address: 'hub.localhost:8443' }, hospital: { id: 'h_1', name: '示范县人民医院' }, joined_at: at(9000),
      certificate: { state: 'waiting', serial: '01', not_after: at(600), waits_for: 'local', consent: null, error: null, clock: null },
      directory: { size: 42, witnessed_by: 3, changed_keys: [], error: null },
      link: { state: 'waiting', since: at(12), latency_ms: 610, backlog: { items: 12, bytes: 3_400_000, oldest_s: 740, dead: 0 }, last_error: { code: 'E7502', message_zh: '无法连接区域中心', message_en: 'The hub cannot be reached' } },
      alarms: [{ code: 'E7102', about: '', message_zh: '公钥目录分叉：第 12 条与已见过的不同', message_en: 'The key directory forked at entry 12', at: at(30), last: at(2), seen_by: '' }],
      notices: { state: 'open', since: at(40), heard: 3, ignored: {}, last_error: null, awaited: [] },
    },
    roster: {
      joined: true,
      departments: [
        { hospital: 'h_a', hospital_name: '区域胸科医院', department: 'respiratory', people: [person('p_e1', '陈专家', 'chief', 'confirmed', true), person('p_e2', `何专家 ${XSS}`, 'attending', 'new', true)] },
        { hospital: 'h_a', hospital_name: '区域胸科医院', department: 'thoracic_surgery', people: [person('p_e3', '郑外科', 'chief', 'changed', true)] },
      ],
      mdt: [{ person: 'p_e1', discipline: 'respiratory', part: 'chair', name: '陈专家', reason_zh: '在班', reason_en: 'on duty' }, { person: 'p_e3', discipline: 'thoracic_surgery', part: 'member', name: '郑外科', reason_zh: '在班', reason_en: 'on duty' }],
      colleagues: [{ person: 'u_2', name: '李主任', role: 'radiologist' }, { person: 'u_3', name: '孙医生', role: 'surgeon' }],
    },
    township: [],
  };
}

function asked(box, body, study, me) {
  const id = body.consult || `c_${hex(16)}`;
  const house = body.house === true;
  const base = box.cases.c_1;
  box.cases[id] = {
    ...base,
    row: { ...base.row, id, study, kind: body.kind, urgency: body.urgency, authority: house ? 'house' : 'hub', state: house ? 'in-progress' : 'requested', place: house ? 'in-progress' : 'requested', owner: null, owner_name: null, purpose: body.purpose, opinions: 0, alarms: 0, changed_at: new Date().toISOString(), upload: house ? null : { items: 0, bytes: 0, done_items: 0, done_bytes: 0, dead_items: 0, preparing: '1' } },
    request: { purpose: body.purpose, summary: body.summary, consent: body.consent, at: new Date().toISOString() },
    events: [{ ...base.events[0], actor_name: me.name }], opinions: [], pending: [], documents: [], alarms: [], me: 'u_1',
    may: house ? ['message', 'opinion', 'summary', 'completed', 'cancelled'] : ['message', 'invited', 'cancelled'],
  };
  delete box.drafts[id];
  box.sent = body;
  return { status: 201, body: { consult: id }, changed: id };
}

function said(one, body, me) {
  const spoken = { n: one.events.length + 1, id: `e_${hex(4)}`, kind: body.kind, actor: 'u_1', actor_name: me.name, title: '', at: new Date().toISOString(), digest: hex(32), opened: { text: body.text ?? '', ...(body.words ?? {}) }, signature: { state: one.row.authority === 'house' ? 'session' : 'verified', error: null }, facts: { discipline: '' }, papers: {} };
  if (one.row.authority === 'house') one.events.push(spoken);
  else one.pending.push({ id: spoken.id, kind: body.kind, at: spoken.at, author: me.user, opened: spoken.opened });
  one.opinions = one.events.filter((e) => ['opinion', 'summary', 'addendum'].includes(e.kind));
  if (body.kind === 'cancelled') Object.assign(one.row, { state: 'cancelled', place: 'cancelled', closed_at: spoken.at });
  return { status: 202, body: { event: spoken.id }, changed: one.row.id };
}

/** Null where the path is none of these. */
export async function answer(box, key, path, me, asJson, asBytes) {
  if (key === 'GET /api/region') return { body: box.region };
  if (key === 'POST /api/region/join') {
    const { code } = await asJson();
    if (!code.startsWith('XL-')) return { status: 422, body: { code: 'E7303', message_zh: '接入码不正确或已失效。', message_en: 'The code is wrong or no longer good.' } };
    box.region.joined = true;
    return { status: 201, body: { hub: 'x', hospital: 'h_1', hospital_name: '示范县人民医院' } };
  }
  if (key === 'POST /api/region/renew-consent') {
    box.region.certificate.consent = { by: me.user, at: new Date().toISOString() };
    return { status: 202, body: { state: 'waiting' } };
  }
  if (/^POST \/api\/region\/alarms\//.test(key)) {
    for (const alarm of box.region.alarms) alarm.seen_by = me.user;
    return { status: 204 };
  }
  if (key === 'GET /api/region/roster' || key === 'GET /api/township/roster') return { body: box.roster };
  if (key === 'POST /api/region/keys/confirm') {
    const { person: id } = await asJson();
    for (const place of box.roster.departments) for (const one of place.people) if (one.person === id) one.key_state = 'confirmed';
    return { body: {} };
  }
  if (key === 'GET /api/township/studies') return { body: { rows: [{ study: 's0001', patient_name: `${XSS} 赵老汉`, patient_id: 'T1', study_date: '20261120', modality: 'DX', description: '胸部正位', instance_count: 1 }] } };
  if (key === 'GET /api/township/consults') return { body: { rows: box.township } };
  if (key === 'POST /api/township/upload') {
    await asBytes();
    return { body: { accepted: 1, duplicates: 0, quarantined: [], refused: [] } };
  }
  const town = /^POST \/api\/township\/studies\/(\w+)\/consult$/.exec(key);
  if (town) {
    const body = await asJson();
    box.township.push({ id: 'c_t', study: town[1], patient_name: `${XSS} 赵老汉`, kind: 'consultation', urgency: body.urgency, place: 'completed', deadline_at: null, to_hospital_name: '区域胸科医院', to_department: 'respiratory', purpose: body.purpose, requested_at: new Date().toISOString(), words: [{ kind: 'opinion', at: new Date().toISOString(), digest: hex(32), opened: { impression: '考虑陈旧病灶', advice: '随访' } }] });
    return { status: 201, body: { consult: 'c_t' } };
  }
  const ask = /^POST \/api\/studies\/(\w+)\/consult$/.exec(key);
  if (ask) return asked(box, await asJson(), ask[1], me);
  if (key === 'GET /api/consults') return { body: { rows: Object.values(box.cases).map((one) => one.row), drafts: Object.values(box.drafts), notices: box.region.notices.awaited } };
  const [, id, what] = /^\/api\/consults\/(\w+)(?:\/(\w+))?/.exec(path) ?? [];
  if (id === undefined) return null;
  if (what === 'draft') {
    const { study, body } = await asJson();
    box.drafts[id] = { id, study, body, changed: Date.now(), patient_name: '张伟' };
    return { body: { consult: id } };
  }
  if (what === 'documents' && key.startsWith('POST')) {
    await asBytes();
    return { status: 201, body: { documents: [`d_${hex(4)}`] } };
  }
  const one = box.cases[id];
  if (one === undefined) return { status: 404, body: { code: 'E7901', message_zh: '没有这个会诊。', message_en: 'There is no such consultation.' } };
  if (what === 'events') return said(one, await asJson(), me);
  return { body: one };
}

/** What comes down from the hub; returns which consultation changed, null for the list as such. */
export function happen(box, { consult, change, leave, announced }) {
  if (announced !== undefined) {
    box.region.notices.awaited = announced;
    return null;
  }
  if (leave) box.region.joined = false;
  if (leave) box.roster.joined = false;
  if (consult === undefined) return undefined;
  const one = box.cases[consult];
  Object.assign(one.row, change ?? {});
  one.events.push(...one.pending.map((waiting) => ({ ...one.events[0], id: waiting.id, kind: waiting.kind, actor_name: '示范县人民医院', at: waiting.at, opened: waiting.opened })));
  one.pending = [];
  return consult;
}
