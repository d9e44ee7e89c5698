/** The modality room's decisions: whose requests ring here, whether the line stands. Pure. */
import type { LiveState } from '../api/live';
import type { RepeatRequest } from './types';

export interface RoomFilters {
  ae?: string;
  station?: string;
  modality?: string;
}

const NAMES = ['ae', 'station', 'modality'] as const;
const RADIOGRAPHS = ['DX', 'CR', 'DR'];

export function roomOf(search: string): RoomFilters {
  const query = new URLSearchParams(search);
  const filters: RoomFilters = {};
  for (const name of NAMES) {
    const value = query.get(name)?.trim();
    if (value !== undefined && value !== '') filters[name] = value;
  }
  return filters;
}

export function roomPath(filters: RoomFilters): string {
  const query = new URLSearchParams();
  for (const name of NAMES) if (filters[name] !== undefined && filters[name] !== '') query.set(name, filters[name]);
  const text = query.toString();
  return text === '' ? '/room' : `/room?${text}`;
}

/** Requests of this room, what nobody saw first, the oldest of them first. */
export function forRoom(open: readonly RepeatRequest[], filters: RoomFilters): RepeatRequest[] {
  const rank = (one: RepeatRequest) => (one.state === 'requested' ? 0 : 1);
  return open
    .filter(
      (one) =>
        (filters.ae === undefined || one.source_ae === filters.ae) &&
        (filters.station === undefined || one.station === filters.station) &&
        (filters.modality === undefined || (filters.modality === 'DR' ? RADIOGRAPHS.includes(one.modality) : one.modality === filters.modality)),
    )
    .sort((a, b) => rank(a) - rank(b) || a.at.localeCompare(b.at));
}

/** A line that says nothing for this many beats is dead, whatever the browser believes. */
const BEATS_MISSED = 3;

export function lineStands(state: LiveState, heardMs: number | null, nowMs: number, beatS: number): boolean {
  return state === 'live' && heardMs !== null && nowMs - heardMs <= BEATS_MISSED * beatS * 1000 + 1000;
}

/** What the speaker says now: the lost line is worse than any request. */
export function soundOf(stands: boolean, started: boolean, unseen: number): 'lost' | 'request' | null {
  if (!stands) return started ? 'lost' : null;
  return unseen > 0 ? 'request' : null;
}

/** `3 min 05 s`, for a room that reads it from across. */
export function waited(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
