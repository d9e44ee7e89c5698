import { describe, expect, it } from 'vitest';
import type { Row } from '../src/api/types';
import { filtersOf, mayMatch, narrowed, nextSort, placeOf, searchOf, sortedBy } from '../src/worklist/filters';
import { EMPTY, listReducer } from '../src/worklist/list';
import { isPreset, presetQuery, withStandard } from '../src/worklist/presets';
import { begun, decided, differs, lastDecided, refreshed, stepped, takenBack, upcoming, type AiSaid, type Item, type Read } from '../src/screening/batch';

const row = (study: string, change: Partial<Row> = {}) =>
  ({
    study, study_date: '20261122', study_time: '1000', modality: 'CT', modalities: ['CT'], sex: 'M', qc: 'pass', ai: 'ok', finding: 'clear', report: 'none', screening: '',
    manufacturer: 'UNITED', model: 'uCT', institution: '县医院', department: '放射科', source_ae: 'CT1', station: '', received_at: study, patient_name: '张三', patient_id: 'P1', ...change,
  }) as Row;
const NOW = new Date(2026, 10, 23, 9);

describe('what a live row is compared with', () => {
  it.each([
    [{ modality: 'PT' }, false],
    [{ modality: 'DR' }, false],
    [{ modality: 'DR,CT' }, true],
    [{ manufacturer: 'UNITED', model: 'uCT', department: '放射科', ae: 'CT1' }, true],
    [{ ae: 'CT2' }, false],
    [{ department: '门诊' }, false],
    [{ finding: 'clear,none' }, true],
    [{ finding: 'suspected' }, false],
    [{ report: 'none' }, true],
    [{ screening: 'normal' }, false],
    [{ days: '2' }, true],
    [{ days: '1' }, false],
    [{ sort: 'finding' }, true],
    [{ name: 'anybody', patient: 'P' }, true],
  ])('%j → %s', (filters, expected) => expect(mayMatch(row('x'), filters, NOW)).toBe(expected));
  it('every series counts: a radiograph by any name, a PET-CT by each of its two', () => {
    expect(mayMatch(row('x', { modalities: ['CR'] }), { modality: 'DR' }, NOW)).toBe(true);
    expect(mayMatch(row('x', { modalities: ['CT', 'PT'] }), { modality: 'PT' }, NOW)).toBe(true);
  });
});

describe('sorts', () => {
  it('go rising, falling, newest first again', () => {
    expect(nextSort(undefined, 'name')).toBe('name');
    expect(nextSort('name', 'name')).toBe('-name');
    expect(nextSort('-name', 'name')).toBeUndefined();
    expect(nextSort('-name', 'date')).toBe('date');
    expect([sortedBy('-qc', 'qc'), sortedBy('qc', 'qc'), sortedBy('qc', 'ai')]).toEqual(['descending', 'ascending', 'none']);
  });
  it('narrow nothing down, but stay in the address', () => {
    expect(narrowed({ sort: 'finding' })).toBe(false);
    expect(narrowed({ sort: 'finding', qc: 'warn' })).toBe(true);
    expect(filtersOf(searchOf({ sort: '-date', model: 'A&B' }))).toEqual({ sort: '-date', model: 'A&B' });
  });
  it('place a row by what they sort by', () => {
    expect(placeOf(row('a'), undefined)).toBe('a');
    expect(placeOf(row('a', { finding: 'suspected' }), 'finding')).toBe('suspected');
    expect(placeOf(row('a'), '-device')).toBe('uCT');
  });
});

describe('a row that would stand elsewhere', () => {
  const loaded = { ...EMPTY, phase: 'ready' as const, rows: [row('a'), row('b')], total: 2 };
  const event = (change: Partial<Row>, sort?: string) => listReducer(loaded, { kind: 'event', event: { study: 'b', row: row('b', change) }, filters: { sort } });
  it('stays where it is and is counted', () => {
    const next = event({ finding: 'suspected' }, 'finding');
    expect(next.rows.map((one) => one.study)).toEqual(['a', 'b']);
    expect(next.moved).toEqual(['b']);
    expect(listReducer(next, { kind: 'event', event: { study: 'b', row: row('b', { finding: 'lesions' }) }, filters: { sort: 'finding' } }).moved).toEqual(['b']);
  });
  it('is not counted under a sort that the change does not touch', () => {
    expect(event({ finding: 'suspected' }).moved).toEqual([]);
    expect(event({ finding: 'suspected' }, 'name').moved).toEqual([]);
  });
  it('is forgotten when the list is read again', () => {
    const next = event({ finding: 'suspected' }, 'finding');
    expect(listReducer(next, { kind: 'first', page: { rows: [], next: null, total: 0 } }).moved).toEqual([]);
  });
});

describe('presets', () => {
  it('keep no search for a person', () => expect(presetQuery({ q: '张三', name: 'zs', patient: 'P1', qc: 'warn', sort: 'finding' })).toBe('qc=warn&sort=finding'));
  it('are recognised whatever the order of their words', () => {
    const preset = { name: 'x', query: 'qc=warn&modality=DR', standard: false };
    expect(isPreset(preset, { modality: 'DR', qc: 'warn' })).toBe(true);
    expect(isPreset(preset, { modality: 'DR', qc: 'warn', q: 'a' })).toBe(false);
  });
  it('have one standard at most', () => {
    const both = [{ name: 'a', query: '', standard: true }, { name: 'b', query: '', standard: false }];
    expect(withStandard(both, 1, true).map((one) => one.standard)).toEqual([false, true]);
    expect(withStandard(both, 0, false).map((one) => one.standard)).toEqual([false, false]);
  });
});

const ai = (change: Partial<AiSaid> = {}): AiSaid => ({ ai: 'ok', finding: 'clear', tb_score: 0.1, tb_positive: false, lesion_count: null, ...change });
const read = (decision: Read['decision']): Read => ({ id: 'r', at: '', by: 'a', name: 'A', decision, ai_shown: false });
const item = (study: string, done?: Read['decision']) => ({ study, read: done === undefined ? null : read(done), ai: null }) as Item;

describe('a batch', () => {
  const fresh = [item('a', 'normal'), item('b'), item('c'), item('d')];
  it('is taken up at the first undecided, or at the tally', () => {
    expect(begun(fresh).at).toBe(1);
    expect(begun([item('a', 'normal')]).at).toBe(1);
  });
  it('goes on after a decision, wraps to what was passed over, and ends', () => {
    let now = stepped(begun(fresh), 1);
    expect(upcoming(now)?.study).toBe('d');
    now = decided(now, item('c', 'suspicious'));
    expect(now.at).toBe(3);
    expect(upcoming(now)?.study).toBe('b');
    now = decided(now, item('d', 'normal'));
    expect(now.at).toBe(1);
    expect(upcoming(now)).toBeNull();
    now = decided(now, item('b', 'repeat'));
    expect(now.at).toBe(4);
    expect(lastDecided(now)?.study).toBe('b');
  });
  it('undo shows the last one again, and the one before it after that', () => {
    let now = decided(decided(begun(fresh), item('b', 'normal')), item('c', 'normal'));
    now = takenBack(now, item('c'));
    expect([now.at, lastDecided(now)?.study]).toEqual([2, 'b']);
    now = takenBack(now, item('b'));
    expect([now.at, lastDecided(now)]).toEqual([1, null]);
  });
  it('does not lose its place when it is read again', () => {
    const now = begun(fresh);
    expect(refreshed(now, [item('a', 'normal'), item('c'), item('b', 'suspicious')]).at).toBe(2);
    expect(stepped(now, -1).at).toBe(0);
    expect(stepped(stepped(now, -1), -1).at).toBe(0);
  });
  it.each([
    ['normal', ai({ finding: 'suspected' }), true],
    ['normal', ai(), false],
    ['suspicious', ai(), true],
    ['suspicious', ai({ finding: 'suspected' }), false],
    ['repeat', ai({ finding: 'suspected' }), false],
    ['normal', ai({ ai: 'failed', finding: 'none' }), false],
    ['normal', null, false],
  ] as const)('%s against %j: differs %s', (decision, said, expected) => expect(differs({ read: read(decision), ai: said })).toBe(expected));
});
