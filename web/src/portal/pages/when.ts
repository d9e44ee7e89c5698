import { instant } from '../../ui/format';
import type { Instant } from '../types';

/** An instant however the hub wrote it. */
export function when(at: Instant): string {
  return instant(typeof at === 'number' ? new Date(at).toISOString() : at);
}

/** Milliseconds since 1970; null where it is none. */
export function millis(at: Instant): number | null {
  if (at === null) return null;
  const value = typeof at === 'number' ? at : Date.parse(at);
  return Number.isNaN(value) ? null : value;
}
