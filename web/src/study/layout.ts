/** How the reading area is divided and what each part shows. Pure. */
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
      // Parts that appear go along; who has let them go finds them let go.
      const linked = CELLS[parts.layout] === 1 || parts.linked;
      return { layout: step.layout, cells: filled(kept, count, step.series), active: parts.active < count ? parts.active : 0, linked };
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
