import { describe, expect, it } from 'vitest';
import type { Row } from '../src/api/types';
import { filtersOf, mayMatch, pagePath, searchOf } from '../src/worklist/filters';
import { EMPTY, listReducer, type ListState } from '../src/worklist/list';

const row = (study: string, change: Partial<Row> = {}): Row => ({
  study,
  study_uid: `1.${study}`,
  patient_name: '张三',
  patient_id: study,
  sex: 'M',
  birth_date: '1980-01-01',
  study_date: '2026-11-22',
  study_time: '10:00:00',
  modality: 'CT',
  description: '',
  accession: '',
  manufacturer: '',
  model: '',
  station: 'CT1',
  institution: '县医院',
  source_ae: 'CT_ROOM',
  series_count: 1,
  instance_count: 1,
  completeness: 'complete',
  qc: 'pass',
  ai: 'ok',
  tb_score: null,
  tb_positive: null,
  lesion_count: 0,
  delivery: 'none',
  superseded: false,
  overridden: false,
  text_repaired: false,
  identity_corrected: false,
  received_at: '',
  updated_at: '',
  modalities: ['CT'],
  department: '放射科',
  report: 'none',
  finding: 'clear',
  screening: '',
  repeat: '',
  result_version: 1,
  urgent: false,
  thumbnail: null,
  ...change,
});
const loaded: ListState = { ...EMPTY, phase: 'ready', rows: [row('a'), row('b'), row('c')], total: 3, next: 'c', selected: 'b' };
const order = (state: ListState) => state.rows.map((entry) => entry.study).join('');

describe('filters in the address', () => {
  it('go there and back, Chinese and hostile text included', () => {
    const filters = { q: '李 <b>&q=1', modality: 'CT', from: '2026-01-01' };
    expect(filtersOf(searchOf(filters))).toEqual(filters);
  });
  it('are written in one order and without blanks', () => {
    expect(searchOf({ ai: 'ok', q: ' zs ' })).toBe('?q=zs&ai=ok');
    expect(searchOf({ q: '  ' })).toBe('');
    expect(filtersOf('?q=&evil=1')).toEqual({});
  });
  it('become the query with the page key', () => expect(pagePath({ sex: 'F' }, 'k 1')).toBe('/api/worklist?sex=F&limit=50&after=k+1'));
});

describe('mayMatch', () => {
  it.each([
    [{ modality: 'CT' }, true],
    [{ modality: 'DX' }, false],
    [{ qc: 'warn' }, false],
    [{ from: '2026-11-23' }, false],
    [{ to: '2026-11-22', from: '2026-11-22' }, true],
    [{ source: 'ct_r' }, true],
    [{ source: '市医院' }, false],
    [{ q: 'anything' }, true],
  ])('%j → %s', (filters, expected) => expect(mayMatch(row('x'), filters)).toBe(expected));
  it('compares dates in both spellings', () => expect(mayMatch(row('x', { study_date: '20261121' }), { from: '2026-11-22' })).toBe(false));
});

describe('live events', () => {
  it('change a row where it stands', () => {
    const next = listReducer(loaded, { kind: 'event', event: { study: 'b', row: row('b', { ai: 'failed', study_date: '2030-01-01' }) }, filters: {} });
    expect(order(next)).toBe('abc');
    expect(next.rows[1]?.ai).toBe('failed');
    expect(next.selected).toBe('b');
    expect(next.fresh).toEqual([]);
  });
  it('count a new study once and leave the list alone', () => {
    const event = { kind: 'event', event: { study: 'n', row: row('n') }, filters: {} } as const;
    const next = listReducer(listReducer(loaded, event), event);
    expect(next.fresh).toEqual(['n']);
    expect(order(next)).toBe('abc');
  });
  it('do not count what the filters exclude', () => expect(listReducer(loaded, { kind: 'event', event: { study: 'n', row: row('n') }, filters: { modality: 'DX' } }).fresh).toEqual([]));
  it('mark a withdrawn study without moving the others', () => {
    const next = listReducer(loaded, { kind: 'event', event: { study: 'a', row: null }, filters: {} });
    expect(order(next)).toBe('abc');
    expect(next.withdrawn).toEqual(['a']);
    expect(listReducer(loaded, { kind: 'event', event: { study: 'zz', row: null }, filters: {} })).toBe(loaded);
  });
  it('after a gap refresh in place and count the unknown', () => {
    const page = { rows: [row('n'), row('a', { qc: 'warn' })], next: null, total: 9 };
    const next = listReducer(loaded, { kind: 'caughtUp', page });
    expect(order(next)).toBe('abc');
    expect(next.rows[0]?.qc).toBe('warn');
    expect(next.fresh).toEqual(['n']);
    expect(next.total).toBe(9);
  });
});

describe('paging and selection', () => {
  it('adds a page without doubling a row', () => expect(order(listReducer(loaded, { kind: 'more', page: { rows: [row('c'), row('d')], next: null, total: 4 } }))).toBe('abcd'));
  it('keeps rows when a read fails', () => {
    const next = listReducer(loaded, { kind: 'failed' });
    expect(order(next)).toBe('abc');
    expect(next.phase).toBe('failed');
  });
  it('steps and stops at the ends', () => {
    const down = listReducer(loaded, { kind: 'step', by: 1 });
    expect(down.selected).toBe('c');
    expect(listReducer(down, { kind: 'step', by: 1 }).selected).toBe('c');
    expect(listReducer({ ...loaded, selected: null }, { kind: 'step', by: 1 }).selected).toBe('a');
    expect(listReducer(EMPTY, { kind: 'step', by: 1 }).selected).toBe(null);
  });
  it('drops a selection that is not in the new list', () => expect(listReducer(loaded, { kind: 'first', page: { rows: [row('x')], next: null, total: 1 } }).selected).toBe(null));
});
