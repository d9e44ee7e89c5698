/** The expert's list: the hub ranks, the page keeps it current without moving rows under the cursor. Pure. */
import type { ConsultRow, PortalEvent } from './types';

export interface ListState {
  rows: ConsultRow[];
  selected: string | null;
  /** Came or changed rank since the list was read. */
  fresh: string[];
  phase: 'loading' | 'ready' | 'failed';
}

/** What the hub is asked for an address of the list: it knows states; whose they are the page knows. Pure. */
export function listPath(query: string): string {
  const asked = new URLSearchParams(query);
  const state = asked.get('state') ?? 'open';
  asked.set('state', state === 'mine' ? 'open' : state);
  return `/api/consults?${asked.toString()}`;
}

export const EMPTY_LIST: ListState = { rows: [], selected: null, fresh: [], phase: 'loading' };

export type ListStep =
  | { kind: 'reload' }
  | { kind: 'read'; rows: ConsultRow[] }
  | { kind: 'failed' }
  | { kind: 'event'; event: PortalEvent }
  | { kind: 'select'; id: string }
  | { kind: 'seen'; id: string }
  | { kind: 'step'; by: 1 | -1 };

function heard(state: ListState, event: PortalEvent): ListState {
  if (event.kind !== 'consult') return state;
  const at = state.rows.findIndex((row) => row.id === event.consult);
  const { row } = event;
  if (at < 0) return row === null || state.fresh.includes(event.consult) ? state : { ...state, fresh: [...state.fresh, event.consult] };
  // Withdrawn from this person: the row goes; nothing else moves.
  if (row === null) return { ...state, rows: state.rows.filter((one) => one.id !== event.consult), selected: state.selected === event.consult ? null : state.selected };
  return { ...state, rows: state.rows.map((one) => (one.id === row.id ? { ...row, rank: one.rank } : one)) };
}

export function listReducer(state: ListState, step: ListStep): ListState {
  switch (step.kind) {
    case 'reload':
      return { ...state, phase: 'loading' };
    case 'read': {
      const rows = [...step.rows].sort((a, b) => a.rank - b.rank);
      return { rows, fresh: [], phase: 'ready', selected: rows.some((row) => row.id === state.selected) ? state.selected : null };
    }
    case 'failed':
      return { ...state, phase: 'failed' };
    case 'event':
      return heard(state, step.event);
    case 'select':
      return { ...state, selected: step.id };
    case 'seen':
      return { ...state, rows: state.rows.map((row) => (row.id === step.id ? { ...row, unseen: 0 } : row)) };
    case 'step': {
      const at = state.rows.findIndex((row) => row.id === state.selected);
      const to = at < 0 ? (step.by === 1 ? 0 : state.rows.length - 1) : Math.min(Math.max(at + step.by, 0), state.rows.length - 1);
      return { ...state, selected: state.rows[to]?.id ?? null };
    }
  }
}
