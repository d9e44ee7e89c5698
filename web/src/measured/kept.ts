/** Saved measurements as the server states them, and what the page decides about them. Pure. */
import type { Frame } from '../viewer/frames';
import type { Measure, MeasureKind, Point } from '../viewer/measure';
import { angleOf, areaOf, lengthOf, statisticsOf, type Sampler } from '../viewer/readings';

export type Unit = 'mm' | 'mm-detector' | 'px' | 'mm2' | 'mm2-detector' | 'px2' | 'deg' | 'HU' | '' | '1';
export type Numbers = Readonly<Record<string, { value: number; unit: Unit }>>;

export interface Kept {
  id: string;
  frame: string;
  series: string;
  kind: MeasureKind;
  points: Point[];
  note: string;
  /** The server's own, from the stored pixels. */
  numbers: Numbers;
  /** Number of the error where it could not read the pixels' values. */
  refusal: string;
}

export interface KeptList {
  by: string;
  name: string;
  version: number;
  at: string;
  sent_version: number;
  sent_at: string;
  /** Of the object sent last: "" where nothing was sent. */
  state: '' | 'pending' | 'sent' | 'confirmed' | 'unconfirmed' | 'failed' | 'refused';
  measures: Kept[];
}

export interface KeptRead {
  mine: KeptList;
  others: KeptList[];
  /** Whether the caller may measure for keeping. */
  may: boolean;
  /** The PACS that results go to; "" for none. */
  destination: string;
}

/** Another person's measurement: shown, never taken hold of. */
export type Foreign = Measure & { name: string; numbers: Numbers };

export const measureOf = (one: Kept): Measure => ({ id: one.id, frame: one.frame, kind: one.kind, points: one.points, text: one.note });
export const foreignOf = (list: KeptList): Foreign[] => list.measures.map((one) => ({ ...measureOf(one), id: `${list.by} ${one.id}`, name: list.name, numbers: one.numbers }));
const wireOf = (one: Measure) => ({ id: one.id, frame: one.frame, kind: one.kind, points: one.points, note: one.text.trim() });

export const saveOf = (version: number, measures: readonly Measure[]) => ({ version, measures: measures.map(wireOf) });

const samePoints = (a: readonly Point[], b: readonly Point[]) => a.length === b.length && a.every(([x, y], index) => {
  const other = b[index];
  return other !== undefined && x === other[0] && y === other[1];
});

export function isSame(measure: Measure, kept: Kept | undefined): boolean {
  return kept !== undefined && measure.frame === kept.frame && measure.kind === kept.kind && measure.text.trim() === kept.note && samePoints(measure.points, kept.points);
}

/** Whether the server holds exactly these. */
export function isKept(measures: readonly Measure[], kept: readonly Kept[]): boolean {
  if (measures.length !== kept.length) return false;
  const known = new Map(kept.map((one) => [one.id, one]));
  return measures.every((one) => isSame(one, known.get(one.id)));
}

/** Both lists as one: what both have unchanged stands once, what differs stands twice. */
export function bothOf(mine: readonly Measure[], theirs: readonly Kept[], freshId: () => string): Measure[] {
  const known = new Map(theirs.map((one) => [one.id, one]));
  const added = mine.flatMap((one) => {
    const other = known.get(one.id);
    if (other === undefined) return [one];
    return isSame(one, other) ? [] : [{ ...one, id: freshId() }];
  });
  return [...theirs.map(measureOf), ...added];
}

/** The page's own numbers, by the server's names; statistics only where the pixels are here. */
export function numbersOf(measure: Pick<Measure, 'kind' | 'points'>, frame: Frame, pixels: Sampler | null, unit: 'HU' | ''): Numbers {
  const { kind, points } = measure;
  const length = (ends: readonly Point[]): Numbers[string] => {
    const { number: value, unit: of } = lengthOf(ends, frame);
    return { value, unit: of };
  };
  if (kind === 'length') return { length: length(points) };
  if (kind === 'angle') return { angle: { value: angleOf(points, frame).number, unit: 'deg' } };
  if (kind === 'bidirectional') return { long_axis: length(points.slice(0, 2)), short_axis: length(points.slice(2, 4)) };
  if (kind === 'probe') {
    const [column, row] = (points[0] ?? [-1, -1]).map(Math.round) as Point;
    const here = pixels !== null && column >= 0 && row >= 0 && column < pixels.columns && row < pixels.rows;
    const value = here ? pixels.at(column, row) : null;
    return value === null ? {} : { value: { value, unit } };
  }
  const area = areaOf(measure, frame);
  const statistics = pixels === null || area === null ? null : statisticsOf(measure, pixels);
  const square = { mm: 'mm2', 'mm-detector': 'mm2-detector', px: 'px2' } as const;
  const found: Record<string, Numbers[string]> = area === null ? {} : { area: { value: area.number, unit: square[area.unit] } };
  if (statistics === null) return found;
  const { mean, deviation: sd, min, max } = statistics;
  for (const [name, value] of Object.entries({ mean, sd, min, max })) found[name] = { value, unit };
  return found;
}

/** How far the page and the server may be apart: rounding, and the page's single precision. */
function tolerance(name: string, value: number): number {
  if (name === 'angle') return 0.05;
  if (name === 'min' || name === 'max' || name === 'value') return 1;
  return (name === 'mean' || name === 'sd' ? 0.5 : 0.05) + Math.abs(value) * 0.002;
}

/** Names of the numbers in which the page and the server disagree; what one of them lacks is no disagreement. */
export function disagreements(page: Numbers, server: Numbers): string[] {
  return Object.entries(page).flatMap(([name, mine]) => {
    const theirs = server[name];
    if (theirs === undefined) return [];
    const apart = mine.unit !== theirs.unit || Math.abs(mine.value - theirs.value) > tolerance(name, theirs.value);
    return apart ? [name] : [];
  });
}
