/** What one of radiograph and CT marks on the other, in the image coordinates of a frame that is shown. Pure. */
import { normalOf, slicePositionMm, type Frame } from '../viewer/frames';
import type { Joint, JoinedRow } from './joined';

export interface Mark {
  kind: 'lesion' | 'region';
  /** Number of the lesion, or of the radiograph's region from 1. */
  n: number;
  /** Closed line of columns and rows. */
  ring: [number, number][];
}

const ROUND = 48;

function ellipse(x: number, y: number, rx: number, ry: number): [number, number][] {
  return Array.from({ length: ROUND }, (_, at) => {
    const turn = (2 * Math.PI * at) / ROUND;
    return [x + rx * Math.cos(turn), y + ry * Math.sin(turn)];
  });
}

/** The radiograph's own regions, and the CT's lesions where the registration lays them, with its uncertainty. */
export function onFilm(found: Partial<Joint>, frame: Frame): Mark[] {
  if (found.film === undefined) return [];
  const [right, down] = [frame.columns / found.film.columns, frame.rows / found.film.rows];
  const regions = (found.regions ?? []).map(({ box_px: [top, left, bottom, end] }, at): Mark => ({
    kind: 'region', n: at + 1,
    ring: [[left * right, top * down], [end * right, top * down], [end * right, bottom * down], [left * right, bottom * down]],
  }));
  const lesions = (found.overlay?.lesions ?? [])
    .filter((one) => one.in_image)
    .map((one): Mark => ({ kind: 'lesion', n: one.lesion_id, ring: ellipse(one.centre_px[1] * right, one.centre_px[0] * down, one.ellipse_px[1] * right, one.ellipse_px[0] * down) }));
  return [...regions, ...lesions];
}

/** A point of the patient (mm) in a slice's columns and rows; null without geometry. */
function inSlice(frame: Frame, point: readonly [number, number, number]): [number, number] | null {
  const { position, rowCosine, columnCosine, spacingMm } = frame;
  if (position === null || rowCosine === null || columnCosine === null || spacingMm === null) return null;
  const away = point.map((value, axis) => value - (position[axis] ?? 0));
  const along = (cosine: readonly number[]) => away.reduce((sum, value, axis) => sum + value * (cosine[axis] ?? 0), 0);
  return [along(rowCosine) / spacingMm[1], along(columnCosine) / spacingMm[0]];
}

/** Where the beam through a region of the radiograph passes an axial slice: a band from front to back, as wide as it is uncertain. */
export function onSlice(found: Partial<Joint>, frame: Frame): Mark[] {
  const [normal, position] = [normalOf(frame), slicePositionMm(frame)];
  if (normal === null || position === null || Math.abs(normal[2]) < 0.9) return [];
  const z = position / normal[2];
  return (found.overlay?.regions ?? []).flatMap((one): Mark[] => {
    const { front_mm: front, back_mm: back, radius_mm: radius } = one;
    const away = (z - (front[2] + back[2]) / 2) / radius[1];
    if (Math.abs(away) >= 1) return [];
    const half = radius[0] * Math.sqrt(1 - away * away);
    const corners = ([[front, -1], [front, 1], [back, 1], [back, -1]] as const).map(([end, side]) => inSlice(frame, [end[0] + side * half, end[1], z]));
    const ring = corners.filter((corner) => corner !== null);
    return ring.length < 4 ? [] : [{ kind: 'region', n: one.region + 1, ring }];
  });
}

/** The finished result of radiograph and CT that joins this study with the one beside it. */
export function jointWith(rows: readonly JoinedRow[], other: string): JoinedRow | null {
  return rows.find((row) => row.task === 'joint' && row.state === 'ok' && row.other.study === other) ?? null;
}
