import { describe, expect, it } from 'vitest';
import { hashOf, reachable, withIntegrity } from '../integrity';
import { countdown, span } from '../src/consult/clock';
import { fold, may, partOf, type FoldEvent } from '../src/consult/fold';
import { findingsOf, opinionOf } from '../src/consult/OpinionCard';
import { isComplete, recipientsOf, requestOf, type Asked } from '../src/consult/asked';
import type { Roster } from '../src/consult/box';
import { caseOf, CaseBroken, findingsOf as caseFindingsOf, outlinesOf, sealedFrames, seriesOf } from '../src/portal/case/bundle';
import { linesOn } from '../src/portal/case/CaseReading';
import { zoomed } from '../src/portal/case/Documents';
import { factsOf, reportOf } from '../src/portal/case/facts';
import { frameStore } from '../src/portal/case/frameStore';
import { wrapped } from '../src/portal/case/drawing';
import { EMPTY_LIST, listPath, listReducer } from '../src/portal/list';
import { strengthOf } from '../src/portal/strength';
import type { ConsultRow } from '../src/portal/types';
import { integrityOf } from '../src/portal/worker';

describe('passphrases', () => {
  it.each([
    ['short', 'too_short'],
    ['xinglin12345', 'weak'],
    ['aaaaaaaaaaaaaaaa', 'weak'],
    ['abcdefghijklmnop', 'weak'],
    ['zhang123456789', 'weak'],
    ['青山 lantern 七号 orbit 河马', 'strong'],
  ])('%s is %s', (passphrase, strength) => expect(strengthOf(passphrase, ['zhang'])).toBe(strength));
});

describe('the clock', () => {
  const now = Date.parse('2026-11-23T08:00:00.000Z');
  it('counts down and says when it is late', () => {
    expect(countdown('2026-11-23T10:00:00.000Z', now)).toEqual({ haste: 'ample', seconds: 7200 });
    expect(countdown('2026-11-23T08:30:00.000Z', now)).toEqual({ haste: 'soon', seconds: 1800 });
    expect(countdown('2026-11-23T07:59:00.000Z', now)).toEqual({ haste: 'late', seconds: 60 });
    expect(countdown('', now).haste).toBe('none');
    expect(countdown('nonsense', now).haste).toBe('none');
  });
  it('uses the largest two units', () => {
    expect(span(59)).toEqual({ unit: 'seconds', whole: 59, rest: 0 });
    expect(span(3 * 3600 + 120)).toEqual({ unit: 'hours', whole: 3, rest: 2 });
    expect(span(3 * 86400 + 7200)).toEqual({ unit: 'days', whole: 3, rest: 2 });
  });
});

const event = (id: string, kind: FoldEvent['kind'], actor: string, body: Record<string, unknown> = {}): FoldEvent => ({ id, kind, actor, at: '2026-11-23T08:00:00.000Z', digest: id, body });
const requested = (kind: string, parties: { person: string; part: string; discipline: string }[]) => event('e0', 'requested', 'box', { consult_kind: kind, urgency: 'urgent', parties, case: 'c', hospital: 'h' });

describe('the fold', () => {
  it('follows a consultation to its end and keeps who did what', () => {
    const events = [requested('consultation', [{ person: 'p1', part: 'expert', discipline: 'imaging' }]), event('e1', 'accepted', 'p1'), event('e2', 'information.asked', 'p1')];
    expect(fold(events).place).toBe('awaiting-information');
    expect(partOf(fold(events), 'p1')).toBe('owner');
    const done = [...events, event('e3', 'information.given', 'box', { case: 'c2' }), event('e4', 'opinion', 'p1', { discipline: 'imaging' }), event('e5', 'completed', 'p1')];
    expect(fold(done)).toMatchObject({ place: 'completed', owner: 'p1', case: 'c2', asked: '' });
    expect(fold(done).signed.map((one) => one.kind)).toEqual(['opinion']);
  });
  it('a repeated event changes nothing, a removal begins an epoch and frees the case', () => {
    const events = [requested('consultation', [{ person: 'p1', part: 'expert', discipline: '' }]), event('e1', 'accepted', 'p1'), event('e1', 'accepted', 'p2'), event('e2', 'removed', 'box', { person: 'p1' })];
    expect(fold(events)).toMatchObject({ owner: '', epoch: 2, place: 'requested' });
    expect(partOf(fold(events), 'p1')).toBe('stranger');
  });
  it('offers only what the table allows', () => {
    expect(may('consultation', 'expert', 'accepted', 'requested')).toBe(true);
    expect(may('consultation', 'stranger', 'accepted', 'requested')).toBe(false);
    expect(may('consultation', 'owner', 'opinion', 'requested')).toBe(false);
  });
});

describe('opened JSON is data', () => {
  it('an opinion of odd shape becomes empty, not trusted', () => {
    expect(opinionOf('{"impression":5,"findings":{"tb":"<b>","next_steps":["sputum",7]},"basis":[1,"o"]}')).toMatchObject({ impression: '', findings: { tb: '', next_steps: ['sputum'] }, basis: ['o'] });
    expect(findingsOf(null).tb).toBe('');
  });
  it('a case index without addresses is refused', () => {
    expect(() => caseOf('{"objects":[{"object":"o_1","address":"../x","length":1}],"studies":[]}')).toThrow(CaseBroken);
    expect(() => caseOf('{"objects":"x","studies":[]}')).toThrow(CaseBroken);
  });
  it('facts are named by what they say', () => {
    const none = { unit: '', flag: '', date: '', enteredBy: '' };
    expect(factsOf('{"items":[{"name":"ESR","value":62,"unit":"mm/h"}]}')).toEqual([{ ...none, name: 'ESR', value: '62', unit: 'mm/h' }]);
    expect(factsOf('{"a":{"b":true}}')).toEqual([{ ...none, name: 'a · b', value: 'true' }]);
  });
  it('facts say who typed them in, and markup stays text', () => {
    const items = [{ name: '<b>痰涂片</b>', value: '阴性', date: '2026-11-20', source: { kind: 'entered', by: '王医生' } }, { source: { kind: 'imported' }, panel: [{ name: 'T-SPOT', value: '阳性' }] }];
    expect(factsOf(JSON.stringify({ category: 'laboratory', items })).map((one) => [one.name, one.date, one.enteredBy])).toEqual([['<b>痰涂片</b>', '2026-11-20', '王医生'], ['T-SPOT', '', '']]);
  });
  it('a report draft is read by its sections, with its statement', () => {
    const sentences = [{ section: 'impression', zh: '疑似活动性肺结核。', en: 'Suspected.', sources: [] }, { section: 'findings', zh: '右上叶空洞。', en: 'Cavity.', sources: [] }];
    const report = reportOf(JSON.stringify({ sentences, text_zh: '【影像所见】\n右上叶空洞。\n\n仅供研究。', text_en: 'Findings\nCavity.', review: { decision: 'rejected', name: '王', reason: 'x' } }));
    expect(report?.sections.map((one) => [one.section, one.zh])).toEqual([['findings', ['右上叶空洞。']], ['impression', ['疑似活动性肺结核。']]]);
    expect(report?.statement).toEqual({ zh: '仅供研究。', en: '' });
    expect(report?.review).toEqual({ by: '王', decision: 'rejected', reason: 'x' });
    expect(reportOf('{"text":"x"}')).toBe(null);
  });
  it('any number of named result sets lie beside each other', () => {
    const drawn = (source: string, set: number, zh: string) => outlinesOf(JSON.stringify({ source, result_set: { set, source, zh, en: '', by: 'w', at: '' }, series_uid: '9', lines: { 'f/1': [{ lesion: 1, kind: 'cavity', points: [[0, 0]] }] } }), { position: set === 0 ? { study: 0 } : { study: 0, set } });
    const [ai, one, two] = [drawn('ai', 0, 'AI'), drawn('county', 1, '甲'), drawn('county', 2, '乙')];
    expect([ai, one, two].map((set) => set.key)).toEqual(['0/0', '0/1', '0/2']);
    const name = (set: { zh: string }) => set.zh;
    expect(linesOn('f/1', [ai, one, two], new Set(), name).map((line) => [line.source, line.set, line.nth])).toEqual([['ai', undefined, undefined], ['county', '甲', 0], ['county', '乙', 1]]);
    // What is hidden takes its style with it; one set of the county's alone needs no name.
    expect(linesOn('f/1', [ai, one, two], new Set(['0/0', '0/1']), name).map((line) => [line.set, line.nth])).toEqual([['乙', 1]]);
    expect(linesOn('f/1', [ai, one], new Set(), name).map((line) => line.set)).toEqual([undefined, undefined]);
    // Sets of an earlier release: two of the same place, told by their source.
    const old = (source: string) => outlinesOf(JSON.stringify({ source, series_uid: '9', lines: {} }), { position: { study: 0 } }).key;
    expect(old('ai')).not.toBe(old('county'));
    expect(caseFindingsOf('{"lesions":[],"result_set":{"set":1,"source":"county","zh":"甲"}}', { position: { study: 2, set: 1 } })).toMatchObject({ key: '2/1', study: 2, source: 'county', zh: '甲' });
  });
  it('zoom goes in steps and stays at its ends', () => {
    expect([zoomed(1, 1), zoomed(4, 1), zoomed(1, -1), zoomed(0.5, -1)]).toEqual([1.5, 4, 0.75, 0.5]);
  });
  it('text is broken to fit', () => expect(wrapped('abcdef', 2, (part) => part.length)).toEqual(['ab', 'cd', 'ef']));
});

describe('sealed frames', () => {
  const address = 'a'.repeat(64);
  const instance = (n: number) => ({ '00080018': { vr: 'UI', Value: [`1.${n}`] }, '00280010': { vr: 'US', Value: [2] }, '00280011': { vr: 'US', Value: [2] } });
  const [series] = seriesOf(JSON.stringify({ series: [{ n: 3, series_uid: '9', modality: 'CT', instances: [instance(1), instance(2)], frames: [{ object: 'o', offset: 0, length: 2, syntax: 's' }, { object: 'o', offset: 2, length: 2, syntax: 's' }] }] }));
  if (series === undefined) throw new Error('no series');
  const { sources, places } = sealedFrames('c_1', 0, series);
  const object = { object: 'o', kind: 'frames', position: {}, address, length: 4, content_type: '', title: '' };

  it('come out of a group that is opened once', async () => {
    let opened = 0;
    const store = frameStore([object], () => {
      opened += 1;
      return Promise.resolve(Uint8Array.of(1, 2, 3, 4));
    });
    store.add(places);
    const ids = sources.map((source) => source.frame.imageId);
    const frames = await Promise.all(ids.map((id) => store.load(id)));
    expect(frames.map((frame) => [...frame.bytes])).toEqual([[1, 2], [3, 4]]);
    expect(opened).toBe(1);
  });
  it('a group that failed is asked for again, and a place outside its group is no frame', async () => {
    let fail = true;
    const store = frameStore([object], () => (fail ? Promise.reject(new Error('gone')) : Promise.resolve(Uint8Array.of(1, 2))));
    store.add(places);
    const [first, second] = sources.map((source) => source.frame.imageId) as [string, string];
    await expect(store.load(first)).rejects.toThrow('gone');
    fail = false;
    expect([...(await store.load(first)).bytes]).toEqual([1, 2]);
    await expect(store.load(second)).rejects.toThrow();
    await expect(store.load('sealed:other')).rejects.toThrow();
  });
});

describe('the list', () => {
  const row = (id: string, rank: number) => ({ id, rank, unseen: 0 }) as ConsultRow;
  it('asks the hub for states and keeps "mine" to itself', () => {
    expect(listPath('')).toBe('/api/consults?state=open');
    expect(listPath('?state=mine&q=a')).toBe('/api/consults?state=open&q=a');
  });
  it('changes rows in place, counts new ones and drops withdrawn ones', () => {
    let state = listReducer(EMPTY_LIST, { kind: 'read', rows: [row('b', 2), row('a', 1)] });
    expect(state.rows.map((one) => one.id)).toEqual(['a', 'b']);
    state = listReducer(state, { kind: 'event', event: { kind: 'consult', consult: 'b', row: { ...row('b', 1), unseen: 3 } } });
    expect(state.rows.map((one) => [one.id, one.rank, one.unseen])).toEqual([['a', 1, 0], ['b', 2, 3]]);
    state = listReducer(state, { kind: 'event', event: { kind: 'consult', consult: 'z', row: row('z', 1) } });
    expect(state.fresh).toEqual(['z']);
    expect(listReducer(state, { kind: 'event', event: { kind: 'consult', consult: 'a', row: null } }).rows).toHaveLength(1);
  });
});

describe('requests', () => {
  const person = (id: string, key_state: 'confirmed' | 'changed', on_duty: boolean) => ({ person: id, name: id, title: '', level: '', key: 'k', key_state, attested: true, on_duty });
  const roster: Roster = { joined: true, departments: [{ hospital: 'h', hospital_name: 'H', department: 'imaging', people: [person('a', 'confirmed', true), person('b', 'changed', false)] }] };
  const asked: Asked = { kind: 'consultation', house: false, place: 'h imaging', to_level: '', people: [], urgency: 'urgent', hours: 2, purpose: ' why ', summary: '', consent: 'c', direction: '', priors: [], laboratory: true, lung_function: false, pathology: false, entered: [], documents: [] };
  it('go to who is on duty unless somebody is named, and never to an unconfirmed key', () => {
    expect(recipientsOf(asked, roster).map((one) => one.person)).toEqual(['a']);
    expect(isComplete(asked, roster)).toBe(true);
    expect(isComplete({ ...asked, people: ['b'] }, roster)).toBe(false);
    expect(isComplete({ ...asked, consent: ' ' }, roster)).toBe(false);
  });
  it('in-house names nobody outside', () => {
    expect(requestOf({ ...asked, house: true, kind: 'mdt' }, 'c_1', 0)).toMatchObject({ to_hospital: '', to_department: '', purpose: 'why', deadline_at: '1970-01-01T02:00:00.000Z' });
  });
});

describe('integrity', () => {
  it('is written once, on scripts and styles of ours only', () => {
    const html = '<script type="module" crossorigin src="/assets/a.js"></script><link rel="stylesheet" href="/assets/a.css"><link rel="icon" href="/icon.svg">';
    const done = withIntegrity(html, (path) => `H${path}`);
    expect(done).toContain('src="/assets/a.js" integrity="H/assets/a.js"');
    expect(done).toContain('href="/assets/a.css" integrity="H/assets/a.css" crossorigin');
    expect(done).toContain('<link rel="icon" href="/icon.svg">');
    expect(withIntegrity(done, () => 'other')).toBe(done);
  });
  it('reaches every script that may ever be imported', () => {
    const chunk = (fileName: string, imports: string[], dynamicImports: string[] = []) => [fileName, { fileName, imports, dynamicImports }] as const;
    expect(reachable('a', new Map([chunk('a', ['b'], ['c']), chunk('b', ['a']), chunk('c', ['d']), chunk('d', [])]))).toEqual(['b', 'c', 'd']);
  });
  it('finds the hash of a worker by its path', () => {
    expect(integrityOf('https://h/assets/w.js', '{"/assets/w.js":"sha384-x"}')).toBe('sha384-x');
    expect(integrityOf('/assets/other.js', '{"/assets/w.js":"sha384-x"}')).toBe(null);
    expect(integrityOf('/assets/w.js', null)).toBe(null);
    expect(hashOf(new Uint8Array())).toMatch(/^sha384-OLBgp1GsljhM2TJ/);
  });
});
