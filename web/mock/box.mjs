// Development only: the appliance's consultations and its place in the region, invented.
import { randomBytes } from 'node:crypto';

const hex = (bytes) => randomBytes(bytes).toString('hex');
const XSS = '<img src=x onerror=alert(1)>';
const print = () => hex(16).match(/.{4}/g).join(' ');
/** One of this hospital's people, whose key somebody here vouches for. */
const own = (person, name, department, state, before) => ({ person, name, department, title: 'chief', role: 'expert', key: hex(32), print: print(), at: new Date().toISOString(), before, state, error: null });
const part = (kind, items, done_items, bytes, done_bytes, more = {}) => ({ kind, study: 0, title: '', items, done_items, bytes, done_bytes, dead_items: 0, given_up_items: 0, ...more });
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
    pending: [], documents: [{ id: 'd1', title: '痰涂片.pdf', content_type: 'application/pdf', bytes: 182_000, at: at(52) }], may: ['message', 'information.given', 'invited', 'removed', 'cancelled'], me: 'u_1', epoch: 1,
    alarms: [{ about: 'c_1', at: at(3), last: at(3), seen_by: '', code: 'E7912', message_zh: '有一条记录的签名不符，已标出', message_en: 'An entry has a wrong signature; it is marked' }],
    sending: {
      parts: [part('frames', 40, 33, 11_000_000, 8_000_000), part('frames', 12, 3, 6_000_000, 900_000, { study: 1 }), part('report', 1, 1, 3_100, 3_100), part('facts', 1, 1, 820, 820, { title: 'laboratory' }), part('document', 1, 0, 182_000, 0, { title: '痰涂片.pdf', dead_items: 1 }), part('event', 3, 3, 9_000, 9_000)],
      dead: [{ id: 'a'.repeat(64), kind: 'document', study: 0, title: '痰涂片.pdf', bytes: 182_000, error: { code: 'E7461', message_zh: '区域中心空间不足，拒收', message_en: 'The hub has no room for it' } }],
    },
  };
  Object.assign(one.row, { alarms: 1, ball: '' });
  const waiting = row('c_2', { patient_name: '李秀英', place: 'awaiting-information', business_state: 'awaiting-information', ball: 'us', opinions: 0 });
  const two = { ...one, row: waiting, alarms: [], opinions: [], sending: { parts: [part('frames', 40, 40, 11_000_000, 11_000_000)], dead: [] }, events: [one.events[0], one.events[1], { ...one.events[2], opened: { text: `请补充近一年 CT 与痰培养 ${XSS}` } }] };
  const referral = row('c_3', { patient_name: '单雄信', kind: 'referral', place: 'in-progress', ball: '' });
  const three = { ...one, row: referral, alarms: [], sending: two.sending, may: ['message', 'completed', 'cancelled'], events: [one.events[0], one.events[1], event(3, 'offered', '陈专家', { accepted: true, bed: '12 床', date: '2026-11-25', text: '请携带胶片' }), event(4, 'opinion', '陈专家', { impression: '考虑活动性', findings: {}, advice: '', text: '', dissent: false, basis: [], discipline: 'respiratory' }), event(5, 'addendum', '陈专家', { text: '补充：复查痰培养' }, { facts: { to: 'e_4' } })] };
  three.opinions = three.events.filter((e) => ['offered', 'opinion', 'addendum'].includes(e.kind));
  one.opinions = one.events.filter((e) => e.kind === 'opinion');
  const draftBody = { kind: 'consultation', house: false, place: 'h_a respiratory', to_level: 'chief', people: [], urgency: 'urgent', hours: 2, purpose: '写到一半的目的', summary: `咳嗽 <b>两周</b>`, consent: '2026-7', direction: '', priors: [], laboratory: true, lung_function: false, pathology: true, entered: [{ category: 'laboratory', test: '红细胞沉降率', date: '2026-11-20', result: '62', unit: 'mm/h' }] };
  return {
    cases: { c_2: two, c_1: one, c_3: three },
    drafts: { c_draft: { id: 'c_draft', study: 's0001', body: draftBody, changed: at(30), patient_name: '张伟', patient_id: 'P203100', documents: [{ id: 'd9', title: '检验单.pdf', content_type: 'application/pdf', bytes: 18_000 }] } },
    previews: [],
    region: {
      joined: true, node: hex(32), hub: { id: hex(32), sync_address: 'hub.localhost:8444', enrol_address: 'hub.localhost:8443' }, hospital: { id: 'h_1', name: '示范县人民医院' }, joined_at: at(9000),
      certificate: { state: 'waiting', serial: '01', not_after: at(600), waits_for: 'local', consent: null, error: null, clock: null },
      directory: { size: 42, witnessed_by: 3, changed_keys: [{ kind: 'person', id: 'p_e3', old: hex(32), new: hex(32), at: at(500), name: '郑外科', hospital_name: '区域胸科医院' }, { kind: 'box', id: 'h_a', old: hex(32), new: hex(32), at: at(400), name: '', hospital_name: '区域胸科医院' }], error: null },
      people: [own('p_o1', `孙主任 ${XSS}`, 'imaging', 'unconfirmed', ''), own('p_o2', '周医生', 'respiratory', 'unconfirmed', print()), own('p_o3', '吴医生', 'respiratory', 'confirmed', '')],
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
    events: [{ ...base.events[0], actor_name: me.name }], opinions: [], pending: [], documents: [], alarms: [], me: 'u_1', sending: house ? null : { parts: [], dead: [] },
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
  if (body.kind === 'invited') one.parties.push({ person: body.person, name: body.person === 'p_e2' ? '何专家' : body.person, title: '', part: body.part, discipline: body.discipline ?? '', invited_at: spoken.at, removed_at: null, declined: false });
  if (body.kind === 'removed') for (const party of one.parties) if (party.person === body.person) party.removed_at = spoken.at;
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
  if (key === 'GET /api/region/outbox') return { body: { dead: box.region.link.backlog.dead > 0 ? box.dead : [] } };
  if (/^POST \/api\/region\/alarms\//.test(key)) {
    if (!(await asJson()).reason) return { status: 422, body: { code: 'E6008', message_zh: '请求内容有误（reason）', message_en: 'The request is wrong at reason' } };
    for (const alarm of box.region.alarms) alarm.seen_by = me.user;
    return { status: 204 };
  }
  if (key === 'POST /api/region/people/vouch') {
    const { person: id, key: compared } = await asJson();
    for (const one of box.region.people) if (one.person === id && one.key === compared) one.state = 'sending';
    return { status: 202, body: { state: 'sending' } };
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
  const preview = /^POST \/api\/studies\/(\w+)\/consult\/preview$/.exec(key);
  if (preview) {
    const { include } = await asJson();
    box.previews.push(include);
    const item = (kind, bytes, more = {}) => ({ kind, title: '', bytes, study: 0, count: 1, at_most: false, ...more });
    const items = [item('frames', 31_457_280, { title: 'CT 胸部平扫', count: 60, at_most: true }), item('manifest', 48_000, { at_most: true }), item('qc', 900), item('findings', 5_200), item('outlines', 88_000), item('report', 3_100), ...include.priors.map((_, at) => item('frames', 20_000_000, { study: at + 1, title: 'CT', count: 40, at_most: true })), ...(include.entered.length > 0 ? [item('facts', 320, { title: 'laboratory', count: include.entered.length })] : []), ...include.documents.map(() => item('document', 18_000, { title: '检验单.pdf' }))];
    const bytes = items.reduce((sum, one) => sum + one.bytes, 0);
    return { body: { studies: [{ n: 0, modality: 'CT', study_date: '20261122', description: '胸部平扫', prior: false }], items, bytes, rate_bytes_s: 512_000, seconds: Math.round(bytes / 512_000) } };
  }
  const ask = /^POST \/api\/studies\/(\w+)\/consult$/.exec(key);
  if (ask) return asked(box, await asJson(), ask[1], me);
  if (key === 'GET /api/consults') return { body: { rows: Object.values(box.cases).map((one) => one.row), drafts: Object.values(box.drafts), notices: box.region.notices.awaited } };
  const [, id, what] = /^\/api\/consults\/(\w+)(?:\/(\w+))?/.exec(path) ?? [];
  if (id === undefined) return null;
  const missing = { status: 404, body: { code: 'E7906', message_zh: '未找到该会诊', message_en: 'No such consultation' } };
  if (what === 'draft') {
    if (key.startsWith('GET')) return box.drafts[id] === undefined ? missing : { body: box.drafts[id] };
    if (key.startsWith('DELETE')) {
      if (box.drafts[id] === undefined) return missing;
      delete box.drafts[id];
      return { status: 204 };
    }
    const { study, body } = await asJson();
    box.drafts[id] = { id, study, body, changed: new Date().toISOString(), patient_name: '张伟', patient_id: 'P203100', documents: box.drafts[id]?.documents ?? [] };
    return { body: { consult: id } };
  }
  if (what === 'documents' && key.startsWith('POST')) {
    await asBytes();
    return { status: 201, body: { documents: [`d_${hex(4)}`] } };
  }
  const one = box.cases[id];
  if (one === undefined) return { status: 404, body: { code: 'E7901', message_zh: '没有这个会诊。', message_en: 'There is no such consultation.' } };
  if (what === 'alarms') {
    for (const alarm of one.alarms) alarm.seen_by = me.user;
    box.reason = (await asJson()).reason;
    one.row.alarms = 0;
    return { status: 204, changed: id };
  }
  if (what === 'outbox') {
    const gone = one.sending.dead.splice(0, 1)[0];
    const parts = one.sending.parts.filter((entry) => entry.kind === gone.kind);
    for (const entry of parts) Object.assign(entry, { dead_items: 0, given_up_items: path.endsWith('give-up') ? 1 : 0 });
    return { status: 202, changed: id };
  }
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
