/** Worklist filters ⇄ the page's query string ⇄ the interface's query. Pure. */
import type { Row } from '../api/types';

export const FILTER_NAMES = [
  'q', 'name', 'patient', 'modality', 'manufacturer', 'model', 'institution', 'department', 'ae', 'source', 'qc', 'ai', 'finding', 'report', 'screening',
  'station', 'repeat', 'reason', 'operator', 'sex', 'from', 'to', 'days', 'sort',
] as const;
export type FilterName = (typeof FILTER_NAMES)[number];
export type Filters = Partial<Record<FilterName, string>>;

/** Those that stand behind "more filters". */
export const MORE_FILTERS = ['name', 'patient', 'manufacturer', 'model', 'institution', 'department', 'ae', 'source', 'days', 'screening', 'station', 'repeat', 'reason', 'operator'] as const satisfies readonly FilterName[];
/** What a radiograph's device may call itself: the filter "DR" means all of them. */
export const RADIOGRAPHS = ['DX', 'CR', 'DR'];

export function filtersOf(search: string): Filters {
  const query = new URLSearchParams(search);
  const filters: Filters = {};
  for (const name of FILTER_NAMES) {
    const value = query.get(name)?.trim();
    if (value !== undefined && value !== '') filters[name] = value;
  }
  return filters;
}

/** Query string in a fixed order, so that equal filters give equal addresses. */
export function searchOf(filters: Filters): string {
  const query = new URLSearchParams();
  for (const name of FILTER_NAMES) {
    const value = filters[name]?.trim();
    if (value !== undefined && value !== '') query.set(name, value);
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

/** Is anything narrowed down? An order alone hides nothing. */
export function narrowed(filters: Filters): boolean {
  return searchOf({ ...filters, sort: undefined }) !== '';
}

export function pagePath(filters: Filters, after: string | null, limit = 50): string {
  const query = new URLSearchParams(searchOf(filters));
  query.set('limit', String(limit));
  if (after !== null) query.set('after', after);
  return `/api/worklist?${query.toString()}`;
}

const digits = (date: string) => date.replaceAll('-', '');

/** The first day of the last so many, today counted, as `YYYYMMDD` of this PC's clock. */
function firstDay(days: string, now: Date): string {
  const first = new Date(now.getFullYear(), now.getMonth(), now.getDate() - Number(days) + 1);
  return `${first.getFullYear()}${String(first.getMonth() + 1).padStart(2, '0')}${String(first.getDate()).padStart(2, '0')}`;
}

const STATES = ['qc', 'ai', 'sex', 'finding', 'report', 'screening', 'repeat'] as const;
const NAMES = { manufacturer: 'manufacturer', model: 'model', institution: 'institution', department: 'department', ae: 'source_ae', station: 'station' } as const;
/** As a name: the device does not say. */
const NOT_STATED = '—';

function dated(row: Row, filters: Filters, now: Date): boolean {
  const date = digits(row.study_date);
  return (
    (filters.from === undefined || date >= digits(filters.from)) &&
    (filters.to === undefined || date <= digits(filters.to)) &&
    (filters.days === undefined || date >= firstDay(filters.days, now))
  );
}

/**
 * Could a row that arrives live belong to the filtered list? Text search is the server's (pinyin),
 * so with a search word the answer is "perhaps", which counts as yes.
 */
export function mayMatch(row: Row, filters: Filters, now = new Date()): boolean {
  const source = filters.source?.toLowerCase();
  const modalities = filters.modality?.split(',');
  const wanted = modalities?.includes('DR') === true ? [...modalities, ...RADIOGRAPHS] : modalities;
  return (
    (wanted === undefined || row.modalities.some((one) => wanted.includes(one))) &&
    STATES.every((name) => filters[name] === undefined || filters[name].split(',').includes(row[name])) &&
    Object.entries(NAMES).every(([name, column]) => filters[name as keyof typeof NAMES] === undefined || (filters[name as keyof typeof NAMES] === NOT_STATED ? '' : filters[name as keyof typeof NAMES]) === row[column]) &&
    dated(row, filters, now) &&
    (source === undefined || [row.source_ae, row.institution, row.station].some((name) => name.toLowerCase().includes(source)))
  );
}

/** What a column's head can sort by; the server knows the same words. */
export type SortBy = 'finding' | 'qc' | 'ai' | 'report' | 'name' | 'patient' | 'date' | 'source' | 'device';

/** The sort after a head was pressed: rising, falling, newest first again. */
export function nextSort(sort: string | undefined, by: SortBy): string | undefined {
  if (sort === by) return `-${by}`;
  return sort === `-${by}` ? undefined : by;
}

export function sortedBy(sort: string | undefined, by: SortBy): 'ascending' | 'descending' | 'none' {
  if (sort === by) return 'ascending';
  return sort === `-${by}` ? 'descending' : 'none';
}

/** What decides a row's place under a sort; a change means that the order on screen is an older one. */
export function placeOf(row: Row, sort: string | undefined): string {
  const by = sort?.replace('-', '') as SortBy | undefined;
  switch (by) {
    case undefined:
      return row.received_at;
    case 'name':
      return row.patient_name;
    case 'patient':
      return row.patient_id;
    case 'date':
      return row.study_date + row.study_time;
    case 'source':
      return row.institution;
    case 'device':
      return row.model;
    default:
      return row[by];
  }
}
