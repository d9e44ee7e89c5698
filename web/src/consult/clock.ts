/** Deadlines and waiting in words of whole minutes, hours and days. Pure: now is an argument. */

export type Haste = 'none' | 'ample' | 'soon' | 'late';

export interface Countdown {
  haste: Haste;
  /** Time left, or time past the deadline; 0 where there is none. */
  seconds: number;
}

const SOON_S = 3600;

export function countdown(deadlineAt: string | null, now: number): Countdown {
  const at = deadlineAt === null || deadlineAt === '' ? Number.NaN : Date.parse(deadlineAt);
  if (Number.isNaN(at)) return { haste: 'none', seconds: 0 };
  const left = Math.round((at - now) / 1000);
  if (left < 0) return { haste: 'late', seconds: -left };
  return { haste: left < SOON_S ? 'soon' : 'ample', seconds: left };
}

/** `95` → `1:35 min` is more than anyone needs: the largest two units, the smaller one only where it tells something. */
export function span(seconds: number): { unit: 'seconds' | 'minutes' | 'hours' | 'days'; whole: number; rest: number } {
  if (seconds < 60) return { unit: 'seconds', whole: Math.max(0, Math.round(seconds)), rest: 0 };
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return { unit: 'minutes', whole: minutes, rest: 0 };
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return { unit: 'hours', whole: hours, rest: minutes % 60 };
  return { unit: 'days', whole: Math.floor(hours / 24), rest: hours % 24 };
}
