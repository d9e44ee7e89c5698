// Development only: an invented region: one hub, a county hospital's box, experts, and four sealed cases.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { makeRow, manifestOf, outlinesOf, studyOf } from './data.mjs';
import { CT, ctSlice, png } from './pictures.mjs';
import { DirectoryLog, hex, linkOf, makeNode, makePerson, random, seals, sealInline, sealObject, signNode, signPerson, wrapFor } from './seals.mjs';

const { text } = seals;
const json = (value) => text.utf8(JSON.stringify(value));
const XSS = '<img src=x onerror=alert(1)>';
const HTJ2K = '1.2.840.10008.1.2.4.201';
const LITTLE = '1.2.840.10008.1.2.1';
const GROUP = 6; // slices sealed together

export const HOSPITALS = { county: 'h_00000000000000c1', region: 'h_00000000000000a1' };
export const EXPERT = 'p_00000000000000e1';
const OTHERS = [
  ['p_00000000000000b1', '周病理', 'pathology', 'chief'],
  ['p_00000000000000b2', '吴影像', 'imaging', 'associate_chief'],
  ['p_00000000000000b3', `${XSS} 郑外科`, 'thoracic_surgery', 'chief'],
];

let codec = null;
/** A slice as lossless HTJ2K: what a box sends. */
async function coded(z) {
  codec ??= await createRequire(import.meta.url)(fileURLToPath(new URL('../node_modules/@cornerstonejs/codec-openjph/dist/openjphjs.js', import.meta.url)))();
  const encoder = new codec.HTJ2KEncoder();
  encoder.getDecodedBuffer({ width: CT.size, height: CT.size, bitsPerSample: 16, componentCount: 1, isSigned: true, isUsingColorTransform: false }).set(ctSlice(z));
  encoder.setQuality(true, 0);
  encoder.encode();
  const code = Uint8Array.from(encoder.getEncodedBuffer());
  encoder.delete();
  return code;
}

const slices = new Map();
async function slice(z) {
  // Every seventh goes as it was stored: both ways must open.
  if (!slices.has(z)) slices.set(z, z % 7 === 3 ? { bytes: Uint8Array.from(ctSlice(z)), syntax: LITTLE } : { bytes: await coded(z), syntax: HTJ2K });
  return slices.get(z);
}

/** A one-page PDF with two lines of text, byte offsets counted. */
export function pdf(lines) {
  const content = `BT /F1 20 Tf 60 760 Td ${lines.map((line) => `(${line}) Tj 0 -30 Td`).join(' ')} ET`;
  const parts = [
    '<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>',
    '<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
  ];
  let out = '%PDF-1.4\n';
  const offsets = parts.map((part, at) => {
    const offset = out.length;
    out += `${at + 1} 0 obj\n${part}\nendobj\n`;
    return offset;
  });
  const start = out.length;
  out += `xref\n0 ${parts.length + 1}\n0000000000 65535 f \n${offsets.map((one) => `${String(one).padStart(10, '0')} 00000 n \n`).join('')}trailer << /Size ${parts.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return text.utf8(out);
}

/** A PDF that names a Chinese font and its encoding, and holds neither: character maps must come with the page. */
export function chinesePdf(line) {
  const hex = Array.from(line, (letter) => letter.charCodeAt(0).toString(16).padStart(4, '0')).join('');
  const content = `BT /F1 32 Tf 40 700 Td <${hex}> Tj ET`;
  const parts = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>',
    '<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> /FontDescriptor 7 0 R /DW 1000 >>',
    '<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>',
  ];
  let out = '%PDF-1.4\n';
  const offsets = parts.map((part, at) => {
    const offset = out.length;
    out += `${at + 1} 0 obj\n${part}\nendobj\n`;
    return offset;
  });
  const start = out.length;
  out += `xref\n0 ${parts.length + 1}\n0000000000 65535 f \n${offsets.map((one) => `${String(one).padStart(10, '0')} 00000 n \n`).join('')}trailer << /Size ${parts.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return text.utf8(out);
}

const STATEMENT = ['本草稿由 AI 生成，仅供研究，未经医师审核签发不得作为诊断依据。', 'Draft written by AI for research; not a diagnosis until a physician has signed it.'];
const REPORT = [
  { section: 'findings', zh: '右上叶尖段见厚壁空洞，长径 26 mm，壁厚 6 mm，周围见树芽征。', en: 'Thick-walled cavity of 26 mm in the right upper lobe with tree-in-bud around it.', sources: ['L1.long_axis_mm'] },
  { section: 'findings', zh: '左下叶见实性结节，长径 12 mm。', en: 'Solid nodule of 12 mm in the left lower lobe.', sources: ['L2.long_axis_mm'] },
  { section: 'impression', zh: '疑似活动性肺结核，请结合病原学。', en: 'Suspected active tuberculosis; needs microbiology.', sources: ['L1.kind'] },
  { section: 'advice', zh: `建议痰 Xpert 与痰培养。${XSS}`, en: 'Sputum Xpert and culture.', sources: ['case.outcome'] },
];

const SPECS = [
  { kind: 'consultation', urgency: 'emergency', minutes: 25, department: 'respiratory', name: '欧阳娜仁', waited: 12 },
  { kind: 'mdt', urgency: 'urgent', minutes: 6 * 60, department: 'respiratory', name: '单雄信', waited: 95 },
  { kind: 'referral', urgency: 'urgent', minutes: -40, department: 'thoracic_surgery', name: XSS, waited: 400, direction: 'up' },
  { kind: 'consultation', urgency: 'routine', minutes: 3 * 24 * 60, department: 'imaging', name: '李秀英', waited: 1500 },
];
const REASONS = {
  emergency: ['急诊；时限 25 分钟内', 'emergency; due within 25 minutes'],
  urgent: ['加急；已用去大部分时限', 'urgent; most of the time granted is used'],
  routine: ['普通；已等待 1 天', 'routine; waiting for a day'],
};

export class Region {
  objects = new Map();
  cases = new Map();
  people = new Map();
  me = null;

  static async make() {
    const region = new Region();
    [region.hub, region.box, region.otherBox] = [await makeNode(), await makeNode(), await makeNode()];
    region.directory = new DirectoryLog(region.hub);
    const recovery = hex(seals.x25519.getPublicKey(text.random(32)));
    await region.directory.add('hospital', HOSPITALS.county, { name: '示范县人民医院', recovery_public: recovery });
    await region.directory.add('hospital', HOSPITALS.region, { name: '区域胸科医院', recovery_public: recovery });
    for (const [node, hospital] of [[region.box, HOSPITALS.county], [region.otherBox, HOSPITALS.region]]) await region.directory.add('node', node.id, { hospital, sign_public: hex(node.sign_public), seal_public: hex(node.seal_public) });
    for (const [id, name, department, title] of OTHERS) {
      const person = { ...(await makePerson(id, name)), department, title };
      region.people.set(id, person);
      await region.announce(person);
    }
    return region;
  }

  announce(person) {
    const { name, department, title, key } = person;
    return this.directory.add('person', person.id, { hospital: HOSPITALS.region, name, department, title, role: 'expert', key, agree_public: hex(person.agree_public), sign_public: hex(person.sign_public), attested: '' });
  }

  /** The expert's keys have come: announce them, and let the county ask. */
  async register(person, made) {
    this.me = { id: EXPERT, name: person, department: 'respiratory', title: 'chief', key: made.id, agree_public: Uint8Array.from(Buffer.from(made.agree_public, 'hex')), sign_public: Uint8Array.from(Buffer.from(made.sign_public, 'hex')) };
    await this.announce(this.me);
    if (this.cases.size === 0) for (const [at, spec] of SPECS.entries()) await this.ask(spec, at);
  }

  async append(consult, statement, actor, name, at = new Date().toISOString()) {
    const one = this.cases.get(consult);
    const { body } = JSON.parse(statement).statement;
    const seq = one.events.length + 1;
    const link = await linkOf(one.events.at(-1)?.link ?? '', seq, statement, at, actor);
    one.events.push({ seq, id: body.event, kind: body.kind, actor, actor_name: name, at, statement, link, delivered_at: null });
    this.follow(one, body, actor);
    return one.events.at(-1);
  }

  /** The routing facts that a hub keeps: enough for the page's tests. */
  follow(one, body, actor) {
    const { row } = one;
    const seat = (person) => row.parties.find((party) => party.person === person);
    const nameOf = (person) => (person === EXPERT ? this.me.name : (this.people.get(person)?.name ?? person));
    if (body.kind === 'accepted') Object.assign(row, { state: 'accepted', owner: actor, owner_name: nameOf(actor) });
    if (body.kind === 'rejected') row.state = 'rejected';
    if (body.kind === 'opinion' && row.state === 'accepted') row.state = 'in-progress';
    if (body.kind === 'offered' && row.state === 'accepted') row.state = 'in-progress';
    if (body.kind === 'information.asked') Object.assign(row, { state: 'in-progress', business_state: 'awaiting-information' });
    if (body.kind === 'information.given') row.business_state = '';
    if (body.kind === 'completed') row.state = 'completed';
    if (body.kind === 'invited' && !seat(body.person)) row.parties.push({ person: body.person, name: nameOf(body.person), part: body.part, discipline: body.discipline });
  }

  boxSays(consult, kind, facts, sealed = {}) {
    const one = this.cases.get(consult);
    const body = { after: one.events.at(-1)?.link ?? '', at: new Date().toISOString(), consult, event: random('e_'), kind, ...facts, ...sealed };
    return this.append(consult, signNode(this.box, body, 'xinglin consult event v1'), this.box.id, '示范县人民医院 · 王医生');
  }

  async words(consult, kind, value) {
    const one = this.cases.get(consult);
    const context = { consult, epoch: 1, object: random('o_'), kind, position: {} };
    return { epoch: 1, object: context.object, sealed: await sealInline(one.key, context, value) };
  }

  async personSays(person, consult, kind, facts, value = null) {
    const one = this.cases.get(consult);
    const sealed = value === null ? {} : await this.words(consult, kind === 'message' ? 'message' : 'opinion', value);
    const body = { after: one.events.at(-1)?.link ?? '', at: new Date().toISOString(), consult, event: random('e_'), kind, ...facts, ...sealed };
    return this.append(consult, await signPerson(person, body), person.id, person.name);
  }

  async ask(spec, at) {
    const consult = `c_${String(at + 1).padStart(32, '0')}`;
    const key = text.random(32);
    const parties = spec.kind === 'mdt' ? [{ person: EXPERT, part: 'chair', discipline: 'respiratory' }, { person: OTHERS[0][0], part: 'member', discipline: 'pathology' }, { person: OTHERS[1][0], part: 'member', discipline: 'imaging' }] : [{ person: EXPERT, part: 'expert', discipline: spec.department }];
    const now = Date.now();
    const deadline = new Date(now + spec.minutes * 60_000).toISOString();
    const row = {
      id: consult, kind: spec.kind, hospital: HOSPITALS.county, hospital_name: '示范县人民医院', to_department: spec.department, urgency: spec.urgency, state: 'requested', business_state: '',
      deadline_at: deadline, waiting_s: spec.waited * 60, owner: null, owner_name: null, rank: at + 1, reason_zh: REASONS[spec.urgency][0], reason_en: REASONS[spec.urgency][1], unseen: 1, bytes: 0,
      parties: parties.map((party) => ({ ...party, name: party.person === EXPERT ? this.me.name : this.people.get(party.person).name })),
    };
    const one = { row, key, events: [], wraps: [], presence: new Map(), seen: new Map(), objects: [] };
    this.cases.set(consult, one);
    const wraps = [];
    for (const party of parties) wraps.push(await wrapFor(key, party.person === EXPERT ? this.me.agree_public : this.people.get(party.person).agree_public, { consult, epoch: 1, recipient: party.person }));
    const statement = signNode(this.box, { consult, epoch: 1, removed: [], wraps }, 'xinglin wraps v1');
    one.wraps.push({ epoch: 1, sealed: wraps[0].sealed, statement });
    const index = await this.bundle(consult, key, spec, at);
    one.objects = [...index.objects, index.case];
    row.bytes = one.objects.reduce((sum, object) => sum + object.sealed, 0);
    await this.boxSays(consult, 'requested', {
      consult_kind: spec.kind, hospital: HOSPITALS.county, to_hospital: HOSPITALS.region, to_department: spec.department, to_level: 'chief', direction: spec.direction ?? '', urgency: spec.urgency, deadline_at: deadline, case: index.case.address, bytes: row.bytes, parties, epoch: 1,
      objects: [{ address: index.case.address, kind: 'case', length: index.case.sealed, object: index.case.object }],
    });
    if (spec.kind === 'mdt') {
      const opinion = (impression, dissent) => ({ impression, findings: { tb: dissent ? 'inactive' : 'suspected', image_quality: 'good', ai_agreement: 'partly', next_steps: ['sputum', 'bronchoscopy'] }, advice: '建议完善痰 Xpert 与支气管镜。', text: '', discipline: dissent ? 'pathology' : 'imaging', dissent, basis: [], case: index.case.address });
      one.row.state = 'in-progress';
      Object.assign(row, { owner: EXPERT, owner_name: this.me.name, state: 'requested' });
      one.pending = [
        [this.people.get(OTHERS[1][0]), 'opinion', { discipline: 'imaging' }, opinion('右上叶空洞伴树芽征，考虑活动性肺结核可能。', false)],
        [this.people.get(OTHERS[0][0]), 'opinion', { discipline: 'pathology' }, opinion(`${XSS} 目前病理证据不足，不支持活动性。`, true)],
      ];
    }
  }

  /** What the box seals for a case. */
  async bundle(consult, key, spec, at) {
    const row = { ...makeRow(0, Date.now()), study_uid: `2.25.4${at}`, patient_name: spec.name };
    const objects = [];
    const put = async (kind, plain, position = {}, content_type = 'application/json', title = '') => {
      const made = await sealObject(this.objects, key, { consult, epoch: 1, object: random('o_'), kind, position }, plain);
      objects.push({ ...made, content_type, title, epoch: 1 });
      return made;
    };
    const series = [];
    for (const [n, entry] of manifestOf(row).series.filter((one) => one.instances.length > 1).entries()) {
      const frames = [];
      for (let first = 0; first < entry.instances.length; first += GROUP) {
        const group = await Promise.all(entry.instances.slice(first, first + GROUP).map((_, offset) => slice(first + offset)));
        const made = await put('frames', text.concat(...group.map((one) => one.bytes)), { study: 0, series: n, frames: [first, group.length] }, 'application/octet-stream');
        let offset = 0;
        for (const one of group) {
          frames.push({ object: made.object, offset, length: one.bytes.length, syntax: one.syntax });
          offset += one.bytes.length;
        }
      }
      series.push({ ...entry, n, frames });
    }
    await put('manifest', json({ series }), { study: 0 });
    const outlines = outlinesOf(row);
    const moved = Object.fromEntries(Object.entries(outlines.lines).map(([frame, lines]) => [frame, lines.filter((line) => line.lesion !== 3).map((line) => ({ ...line, points: line.points.map(([x, y]) => [x + 3, y + 2]) }))]));
    const { analysis } = studyOf(row);
    await put('qc', json(analysis.qc), { study: 0 });
    await put('findings', json({ ...analysis, version: 1, assessments: [{ by: '王医生', at: new Date().toISOString(), text: '3 号不采纳：为血管断面' }] }), { study: 0 });
    await put('outlines', json({ source: 'ai', result_set: { set: 0, source: 'ai', zh: 'AI 结果', en: 'AI result', by: 'xinglin-ct 1.2', at: '' }, series_uid: outlines.series_uid, lines: outlines.lines }), { study: 0 });
    const named = (set, zh, en) => ({ set, source: set === 0 ? 'ai' : 'county', zh, en, by: set === 0 ? 'xinglin-ct 1.2' : '王医生', at: new Date().toISOString() });
    if (at === 0) {
      // Three named sets: the AI's, and two of the county's.
      const smaller = Object.fromEntries(Object.entries(outlines.lines).map(([frame, lines]) => [frame, lines.filter((line) => line.lesion === 1).map((line) => ({ ...line, points: line.points.map(([x, y]) => [x - 4, y - 3]) }))]));
      await put('outlines', json({ source: 'county', result_set: named(1, '县医院修正', 'County corrections'), series_uid: outlines.series_uid, lines: moved }), { study: 0, set: 1 });
      await put('outlines', json({ source: 'county', result_set: named(2, `术前复核 ${XSS}`, `Preoperative ${XSS}`), series_uid: outlines.series_uid, lines: smaller }), { study: 0, set: 2 });
    } else await put('outlines', json({ source: 'county', series_uid: outlines.series_uid, lines: moved }), { study: 0 });
    await put('report', json({ sentences: REPORT, text_zh: `【影像所见】\n${REPORT[0].zh}\n\n${STATEMENT[0]}`, text_en: `Findings\n${REPORT[0].en}\n\n${STATEMENT[1]}`, review: null }), { study: 0 });
    await put('document', pdf(['Sputum smear report', 'AFB negative x3']), {}, 'application/pdf', `痰涂片报告\nd1`);
    await put('document', chinesePdf('胸部检查报告单 痰涂片阴性'), {}, 'application/pdf', '中文报告单（未嵌入字体）\nd3');
    await put('document', Uint8Array.from(png(320, 240, (x, y) => [x % 256, y, 120, 255])), {}, 'image/png', `手写病历照片 ${XSS}\nd2`);
    await put('facts', json({ category: 'laboratory', items: [{ name: '红细胞沉降率', value: '62', unit: 'mm/h', date: '2026-11-20', source: { kind: 'entered', by: `王医生 ${XSS}` } }, { name: 'T-SPOT.TB', value: '阳性', source: { kind: 'imported' } }] }), {}, 'application/json', 'laboratory');
    const index = {
      patient: { name: spec.name, id: 'P203100', sex: 'F', birth_date: '1961-03-12' },
      purpose: spec.kind === 'referral' ? '咯血反复，请协助转入胸外科。' : '右上肺空洞，请判断是否活动性结核及下一步检查。',
      summary: `咳嗽、低热 3 周，痰涂片阴性 3 次。${at === 2 ? XSS : ''}`,
      consent: { reference: '知情同意书 2026-1122', at: new Date().toISOString() },
      requester: { name: '王医生', hospital: '示范县人民医院', department: '呼吸内科' },
      objects: objects.map(({ sealed: _, ...one }) => one),
      studies: [{ n: 0, modality: 'CT', study_date: row.study_date, description: row.description, prior: false }],
    };
    const made = await sealObject(this.objects, key, { consult, epoch: 1, object: random('o_'), kind: 'case', position: {} }, json(index));
    return { case: { ...made, title: '' }, objects };
  }
}
