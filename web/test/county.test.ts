import { describe, expect, it } from 'vitest';
import { askedOf, BLANK, includeOf, isComplete, mustConfirm, type Asked } from '../src/consult/asked';
import { askedNow } from '../src/consult/BoxCasePage';
import type { BoxCase, Roster } from '../src/consult/box';
import { invitable } from '../src/consult/CountyDialogs';

const esr = { category: 'laboratory' as const, test: '红细胞沉降率', date: '2026-11-20', result: '62', unit: 'mm/h' };
const asked: Asked = { ...BLANK, place: 'h imaging', purpose: 'why', consent: 'c', entered: [esr], documents: [{ id: 'd', title: 't' }] };

describe('a draft', () => {
  it('comes back as it was left', () => {
    const kept = JSON.parse(JSON.stringify(asked)) as Record<string, unknown>;
    expect(askedOf(kept, [{ id: 'd', title: 't' }])).toEqual(asked);
  });
  it('of an earlier release, or of nonsense, is a form all the same', () => {
    expect(askedOf({}, [])).toEqual(BLANK);
    expect(askedOf({ kind: 'party', people: 'x', hours: '2', entered: [null, { category: 'genome', test: 7 }], priors: [1, 'st'] }, [])).toMatchObject({ kind: 'consultation', people: [], hours: 24, priors: ['st'], entered: [{ category: 'laboratory', test: '' }, { category: 'laboratory', test: '' }] });
  });
});

describe('what goes along', () => {
  it('leaves empty rows out and names documents by their id', () => {
    expect(includeOf({ ...asked, entered: [esr, { ...esr, test: ' ', result: '' }] })).toMatchObject({ entered: [esr], documents: ['d'] });
  });
  it('half a result stops the request, a key that nobody vouches for too', () => {
    const person = (key_state: 'confirmed' | 'unattested') => ({ person: 'a', name: 'a', title: '', level: '', key: 'k', key_state, attested: true, on_duty: true });
    const roster = (key_state: 'confirmed' | 'unattested'): Roster => ({ joined: true, departments: [{ hospital: 'h', hospital_name: 'H', department: 'imaging', people: [person(key_state)] }] });
    expect(isComplete(asked, roster('confirmed'))).toBe(true);
    expect(isComplete({ ...asked, entered: [{ ...esr, result: ' ' }] }, roster('confirmed'))).toBe(false);
    expect(isComplete(asked, roster('unattested'))).toBe(false);
    expect((['confirmed', 'new', 'changed', 'unattested'] as const).map(mustConfirm)).toEqual([false, false, true, true]);
  });
});

describe('from the case', () => {
  const seat = (person: string, removed_at: string | null) => ({ person, name: person, title: '', part: 'expert' as const, discipline: '', invited_at: '', removed_at, declined: false });
  const someone = (person: string, on_duty: boolean) => ({ person, name: person, title: '', level: '', key: 'k', key_state: 'new' as const, attested: true, on_duty });
  it('suggests who is on duty and not here; somebody who was removed may come back', () => {
    const data = { parties: [seat('a', null), seat('b', '2026-11-23T00:00:00Z')] } as unknown as BoxCase;
    const roster: Roster = { joined: true, departments: [{ hospital: 'h', hospital_name: 'H', department: 'imaging', people: [someone('a', true)] }, { hospital: 'h', hospital_name: 'H', department: 'pathology', people: [someone('b', true), someone('c', false)] }] };
    expect(invitable(data, roster).places.map((place) => place.people.map((one) => one.person))).toEqual([['b', 'c']]);
    expect(invitable(data, roster).suggested.map((one) => one.person)).toEqual(['b']);
    const mdt = [{ person: 'c', discipline: 'pathology', part: 'member' as const, name: 'c', reason_zh: '', reason_en: '' }, { person: 'a', discipline: 'imaging', part: 'chair' as const, name: 'a', reason_zh: '', reason_en: '' }];
    expect(invitable(data, { ...roster, mdt }).suggested.map((one) => one.person)).toEqual(['c']);
  });
  it('shows what was asked last while the ball is here', () => {
    const events = [{ id: '1', kind: 'information.asked' }, { id: '2', kind: 'information.asked' }, { id: '3', kind: 'message' }];
    const at = (place: string) => askedNow({ row: { place }, events } as unknown as BoxCase);
    expect(at('awaiting-information')?.id).toBe('2');
    expect(at('in-progress')).toBe(null);
  });
});
