/** State of the list as a pure reducer: live events change rows in place and never move one. */
import type { Row, WorklistEvent, WorklistPage } from '../api/types';
import { mayMatch, placeOf, type Filters } from './filters';

export type Phase = 'loading' | 'ready' | 'failed';

export interface ListState {
  phase: Phase;
  rows: readonly Row[];
  next: string | null;
  total: number;
  loadingMore: boolean;
  /** Studies that arrived since the list was read and are not in it. */
  fresh: readonly string[];
  /** Studies that would stand elsewhere by now: a row never moves under the cursor. */
  moved: readonly string[];
  /** Studies withdrawn since (restricted); shown struck out until the list is read again. */
  withdrawn: readonly string[];
  selected: string | null;
}

export const EMPTY: ListState = {
  phase: 'loading',
  rows: [],
  next: null,
  total: 0,
  loadingMore: false,
  fresh: [],
  moved: [],
  withdrawn: [],
  selected: null,
};

export type ListAction =
  | { kind: 'reload' }
  | { kind: 'first'; page: WorklistPage }
  | { kind: 'failed' }
  | { kind: 'moreAsked' }
  | { kind: 'moreFailed' }
  | { kind: 'more'; page: WorklistPage }
  | { kind: 'event'; event: WorklistEvent; filters: Filters }
  | { kind: 'caughtUp'; page: WorklistPage }
  | { kind: 'select'; study: string }
  | { kind: 'step'; by: 1 | -1 };

const unique = (names: readonly string[], name: string) => (names.includes(name) ? names : [...names, name]);

function onEvent(state: ListState, event: WorklistEvent, filters: Filters): ListState {
  const known = state.rows.find((row) => row.study === event.study);
  const row = event.row;
  if (row === null) return known !== undefined ? { ...state, withdrawn: unique(state.withdrawn, event.study) } : state;
  if (known !== undefined) {
    const moved = placeOf(known, filters.sort) === placeOf(row, filters.sort) ? state.moved : unique(state.moved, event.study);
    return { ...state, moved, rows: state.rows.map((old) => (old.study === event.study ? row : old)) };
  }
  return mayMatch(row, filters) ? { ...state, fresh: unique(state.fresh, event.study) } : state;
}

/** After a gap: refresh known rows where they stand, count the others as new. */
function onCaughtUp(state: ListState, page: WorklistPage): ListState {
  const now = new Map(page.rows.map((row) => [row.study, row]));
  const known = new Set(state.rows.map((row) => row.study));
  return {
    ...state,
    total: page.total,
    rows: state.rows.map((row) => now.get(row.study) ?? row),
    fresh: page.rows.filter((row) => !known.has(row.study)).reduce((names, row) => unique(names, row.study), state.fresh),
  };
}

function onStep(state: ListState, by: 1 | -1): ListState {
  if (state.rows.length === 0) return state;
  const at = state.rows.findIndex((row) => row.study === state.selected);
  const to = at < 0 ? 0 : Math.min(Math.max(at + by, 0), state.rows.length - 1);
  return { ...state, selected: state.rows[to]?.study ?? null };
}

export function listReducer(state: ListState, action: ListAction): ListState {
  switch (action.kind) {
    case 'reload':
      return { ...state, phase: 'loading' };
    case 'first': {
      const { rows, next, total } = action.page;
      const kept = rows.some((row) => row.study === state.selected);
      return { ...EMPTY, phase: 'ready', rows, next, total, selected: kept ? state.selected : null };
    }
    case 'failed':
      return { ...state, phase: 'failed' };
    case 'moreAsked':
      return { ...state, loadingMore: true };
    case 'moreFailed':
      return { ...state, loadingMore: false };
    case 'more': {
      const known = new Set(state.rows.map((row) => row.study));
      const added = action.page.rows.filter((row) => !known.has(row.study));
      return { ...state, loadingMore: false, rows: [...state.rows, ...added], next: action.page.next, total: action.page.total };
    }
    case 'event':
      return onEvent(state, action.event, action.filters);
    case 'caughtUp':
      return onCaughtUp(state, action.page);
    case 'select':
      return { ...state, selected: action.study };
    case 'step':
      return onStep(state, action.by);
  }
}
