/** How the reading area is divided, what each part shows, and how parts scroll together. Pure. */
import { nearestSlice, normalOf, slicePositionMm, type Frame } from '../viewer/frames';

export const LAYOUTS = ['1x1', '1x2', '2x1', '2x2'] as const;
/** Rows × columns. */
export type Layout = (typeof LAYOUTS)[number];
export const CELLS: Record<Layout, number> = { '1x1': 1, '1x2': 2, '2x1': 2, '2x2': 4 };

export interface Parts {
  layout: Layout;
  /** Series Instance UID of each part, `MOST` of them: a larger layout finds what it showed before. */
  cells: readonly string[];
  active: number;
  /** Parts scroll together. */
  linked: boolean;
}

const MOST = 4;

export type PartsStep =
  | { step: 'layout'; layout: Layout; series: readonly string[] }
  | { step: 'show'; uid: string }
  | { step: 'activate'; cell: number }
  | { step: 'link'; linked: boolean }
  | { step: 'compare'; left: string; right: string };

export function partsOf(uid: string): Parts {
  return { layout: '1x1', cells: [uid], active: 0, linked: false };
}

/** New parts show what is not shown yet, in the order of the series; when all is shown, the active one again. */
function filled(cells: readonly string[], count: number, series: readonly string[]): string[] {
  const shown = [...cells];
  while (shown.length < count) shown.push(series.find((uid) => !shown.includes(uid)) ?? shown[0] ?? '');
  return shown.slice(0, MOST);
}

export function partsReducer(parts: Parts, step: PartsStep): Parts {
  switch (step.step) {
    case 'layout': {
      const count = CELLS[step.layout];
      // The part that is looked at stays when the others go.
      const kept = count < parts.cells.length && parts.active >= count ? [parts.cells[parts.active] ?? '', ...parts.cells.filter((_, index) => index !== parts.active)] : parts.cells;
      return { ...parts, layout: step.layout, cells: filled(kept, count, step.series), active: parts.active < count ? parts.active : 0 };
    }
    case 'show':
      return { ...parts, cells: parts.cells.map((uid, index) => (index === parts.active ? step.uid : uid)) };
    case 'activate':
      return { ...parts, active: step.cell };
    case 'link':
      return { ...parts, linked: step.linked };
    case 'compare':
      return { layout: '1x2', cells: [step.left, step.right], active: 0, linked: true };
  }
}

/** Where a part stands against the one that leads: millimetres along the slices' normal, or slices where there is no geometry. */
export interface Offset {
  mm: number | null;
  slices: number;
}

const sameWay = (a: Frame, b: Frame): boolean => {
  const [m, n] = [normalOf(a), normalOf(b)];
  return m !== null && n !== null && Math.abs(m[0] * n[0] + m[1] * n[1] + m[2] * n[2]) > 0.9;
};

export function offsetOf(lead: readonly Frame[], leadAt: number, other: readonly Frame[], otherAt: number): Offset {
  const [a, b] = [lead[leadAt], other[otherAt]];
  const slices = otherAt - leadAt;
  if (a === undefined || b === undefined || !sameWay(a, b)) return { mm: null, slices };
  const [p, q] = [slicePositionMm(a), slicePositionMm(b)];
  return { mm: p === null || q === null ? null : q - p * sign(a, b), slices };
}

/** Slices may be listed from head to feet in one series and the other way in the other. */
function sign(a: Frame, b: Frame): 1 | -1 {
  const [m, n] = [normalOf(a), normalOf(b)];
  return m !== null && n !== null && m[0] * n[0] + m[1] * n[1] + m[2] * n[2] < 0 ? -1 : 1;
}

/** The slice of another part that belongs to where the leading one is. */
export function follows(lead: readonly Frame[], leadAt: number, other: readonly Frame[], offset: Offset): number | null {
  const a = lead[leadAt];
  const b = other[0];
  if (a === undefined || b === undefined) return null;
  const position = slicePositionMm(a);
  const normal = normalOf(b);
  if (offset.mm !== null && position !== null && normal !== null) {
    const along = position * sign(a, b) + offset.mm;
    return nearestSlice(other, [normal[0] * along, normal[1] * along, normal[2] * along]);
  }
  return Math.min(Math.max(leadAt + offset.slices, 0), other.length - 1);
}
