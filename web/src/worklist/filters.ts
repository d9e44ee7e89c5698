/** Worklist filters ⇄ the page's query string ⇄ the interface's query. Pure. */
import type { Row } from '../api/types';

export const FILTER_NAMES = ['q', 'modality', 'qc', 'ai', 'sex', 'from', 'to', 'source'] as const;
export type FilterName = (typeof FILTER_NAMES)[number];
export type Filters = Partial<Record<FilterName, string>>;

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

export function pagePath(filters: Filters, after: string | null, limit = 50): string {
  const query = new URLSearchParams(searchOf(filters));
  query.set('limit', String(limit));
  if (after !== null) query.set('after', after);
  return `/api/worklist?${query.toString()}`;
}

const digits = (date: string) => date.replaceAll('-', '');

/**
 * Could a row that arrives live belong to the filtered list? Text search is the server's (pinyin),
 * so with a search word the answer is "perhaps", which counts as yes.
 */
export function mayMatch(row: Row, filters: Filters): boolean {
  const date = digits(row.study_date);
  const source = filters.source?.toLowerCase();
  return (
    (['modality', 'qc', 'ai', 'sex'] as const).every((name) => filters[name] === undefined || filters[name] === row[name]) &&
    (filters.from === undefined || date >= digits(filters.from)) &&
    (filters.to === undefined || date <= digits(filters.to)) &&
    (source === undefined || [row.source_ae, row.institution, row.station].some((name) => name.toLowerCase().includes(source)))
  );
}
