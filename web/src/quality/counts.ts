/** Statistics ⇄ the address ⇄ the list behind each number. Pure. */
import { searchOf, type Filters } from '../worklist/filters';
import type { CountLine, Counts } from './types';

export interface CountFilters {
  by: Counts['by'];
  modality?: string;
  days?: string;
  from?: string;
  to?: string;
}

const PERIOD = ['modality', 'days', 'from', 'to'] as const;
/** Without a period in the address: the last thirty days. */
export const USUAL_DAYS = '30';
/** What the list calls a name that the device did not give. */
export const NOT_STATED = '—';

export function countsOf(search: string): CountFilters {
  const query = new URLSearchParams(search);
  const filters: CountFilters = { by: query.get('by') === 'operator' ? 'operator' : 'device' };
  for (const name of PERIOD) {
    const value = query.get(name)?.trim();
    if (value !== undefined && value !== '') filters[name] = value;
  }
  if (filters.days === undefined && filters.from === undefined && filters.to === undefined) filters.days = USUAL_DAYS;
  return filters;
}

export function countsQuery(filters: CountFilters): string {
  const query = new URLSearchParams({ by: filters.by });
  for (const name of PERIOD) {
    const value = filters[name];
    if (value !== undefined && value !== '') query.set(name, value);
  }
  return query.toString();
}

/** The worklist that a number counts: the line's names, the period, and what was counted. */
export function listOf(filters: CountFilters, line: CountLine, counted: Filters): string {
  const period: Filters = {};
  for (const name of PERIOD) if (filters[name] !== undefined) period[name] = filters[name];
  const group = Object.fromEntries(Object.entries(line.group).map(([name, value]) => [name, value === '' ? NOT_STATED : value]));
  return `/${searchOf({ ...period, ...group, ...counted })}`;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
