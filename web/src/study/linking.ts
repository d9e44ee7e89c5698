/**
 * How parts scroll together: every series has a shift on one common axis, the normal of the series
 * that is read. Pure.
 */
import { nearestSlice, normalOf, slicePositionMm, type Frame } from '../viewer/frames';

/** Where a series lies against the reference: millimetres along its normal, and slices where there is no geometry. */
export interface Shift {
  mm: number;
  slices: number;
}

export const UNSHIFTED: Shift = { mm: 0, slices: 0 };

/** A series in a part, where it stands and how it is shifted. */
export interface Standing {
  frames: readonly Frame[];
  at: number;
  shift: Shift;
}

const middle = (frames: readonly Frame[]) => Math.floor(frames.length / 2);

/** 1 or -1 for slices of one direction, listed or turned the same or the other way; 0 where they cross; null without geometry. */
function direction(a: Frame | undefined, b: Frame | undefined): 1 | -1 | 0 | null {
  const [m, n] = [a === undefined ? null : normalOf(a), b === undefined ? null : normalOf(b)];
  if (m === null || n === null) return null;
  const along = m[0] * n[0] + m[1] * n[1] + m[2] * n[2];
  if (Math.abs(along) < 0.9) return 0;
  return along > 0 ? 1 : -1;
}

/** Position of a slice on the reference's axis, mm. */
function place(reference: Frame | undefined, frame: Frame | undefined): number | null {
  const way = direction(reference, frame);
  const position = frame === undefined ? null : slicePositionMm(frame);
  return way === null || way === 0 || position === null ? null : position * way;
}

/**
 * Where a series lies before anybody moved it: exactly where it is in the same frame of reference;
 * in another one the middles of the two scans are laid on each other, since the table's zero means nothing there.
 */
export function naturalShift(reference: readonly Frame[], other: readonly Frame[]): Shift {
  const slices = middle(other) - middle(reference);
  const [a, b] = [reference[middle(reference)], other[middle(other)]];
  const [p, q] = [place(a, a), place(a, b)];
  const same = a !== undefined && a.frameOfReference !== '' && a.frameOfReference === b?.frameOfReference;
  return { mm: same || p === null || q === null ? 0 : q - p, slices };
}

/** The shift that makes two parts go on from where they stand now. */
export function shiftOf(reference: readonly Frame[], lead: Standing, other: Omit<Standing, 'shift'>): Shift {
  const [p, q] = [place(reference[0], lead.frames[lead.at]), place(reference[0], other.frames[other.at])];
  return { mm: p === null || q === null ? 0 : q - p + lead.shift.mm, slices: other.at - lead.at + lead.shift.slices };
}

/** The slice of another part that belongs to where the leading one stands; null where there is none (slices that cross). */
export function follows(reference: readonly Frame[], lead: Standing, other: Omit<Standing, 'at'>): number | null {
  const [from, to] = [lead.frames[lead.at], other.frames[0]];
  if (from === undefined || to === undefined || direction(from, to) === 0) return null;
  const [position, way, normal] = [place(reference[0], from), direction(reference[0], to), normalOf(to)];
  if (position !== null && way !== null && way !== 0 && normal !== null && slicePositionMm(to) !== null) {
    const along = (position - lead.shift.mm + other.shift.mm) * way;
    return nearestSlice(other.frames, [normal[0] * along, normal[1] * along, normal[2] * along]);
  }
  return Math.min(Math.max(lead.at - lead.shift.slices + other.shift.slices, 0), other.frames.length - 1);
}
