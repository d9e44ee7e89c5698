/** From the manifest to an ordered list of frames with their geometry. Pure. */
import type { DicomElement, DicomObject, ManifestSeries } from '../api/types';

type Vector = [number, number, number];

export interface Frame {
  imageId: string;
  /** `<SOP Instance UID>/<frame>`, the key of the outlines. */
  key: string;
  rows: number;
  columns: number;
  /** Row and column direction cosines, patient coordinates LPS; null when the file has none. */
  rowCosine: Vector | null;
  columnCosine: Vector | null;
  position: Vector | null;
  /** Frame of Reference UID (0020,0052); "" where the file has none. */
  frameOfReference: string;
  /** Patient Orientation (0020,0020) of a projection: directions of row and column. */
  patientOrientation: [string, string] | null;
  thicknessMm: number | null;
  /** (between rows, between columns), mm; null when the file has none. */
  spacingMm: [number, number] | null;
  /** A projection often knows only the spacing on its detector, which is larger than in the patient. */
  spacingOf: 'patient' | 'detector';
}

export interface FrameSource {
  metadata: DicomObject;
  frame: Frame;
  /** The same frame made smaller by a factor, where the source has one. */
  reduced?: { imageId: string; factor: number };
}

/** What the attributes are of a frame made smaller by a factor: fewer pixels, farther apart. */
export function shrunk(metadata: DicomObject, factor: number): DicomObject {
  const of = (tag: string, change: (value: number) => number) => {
    const element = metadata[tag];
    return element?.Value === undefined ? {} : { [tag]: { ...element, Value: element.Value.map((value) => change(Number(value))) } };
  };
  const fewer = (value: number) => Math.ceil(value / factor);
  const wider = (value: number) => value * factor;
  return { ...metadata, ...of('00280010', fewer), ...of('00280011', fewer), ...of('00280030', wider), ...of('00181164', wider) };
}

const numbers = (object: DicomObject, tag: string): number[] => (object[tag]?.Value ?? []).map(Number).filter(Number.isFinite);
const first = (object: DicomObject, tag: string): number | null => numbers(object, tag)[0] ?? null;
const text = (object: DicomObject, tag: string): string => {
  const value = object[tag]?.Value?.[0];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};

function vectorAt(values: number[], start: number): Vector | null {
  const [x, y, z] = values.slice(start, start + 3);
  return x === undefined || y === undefined || z === undefined ? null : [x, y, z];
}

export function frameAddress(origin: string, study: string, series: string, sop: string, frame: number): string {
  const at = [study, series, sop].map(encodeURIComponent);
  return `wadors:${origin}/dicomweb/studies/${at[0] ?? ''}/series/${at[1] ?? ''}/instances/${at[2] ?? ''}/frames/${frame}`;
}

const spacingAt = (metadata: DicomObject, tag: string): [number, number] | null => {
  const [down, right] = numbers(metadata, tag);
  return down !== undefined && right !== undefined && down > 0 && right > 0 ? [down, right] : null;
};
const CALIBRATED_APART = 1e-3;

/**
 * Pixel Spacing (0028,0030) holds in the patient where the image has an orientation there. A projection's does where somebody
 * calibrated it: it says how (0028,0A02), or differs from Imager Pixel Spacing (0018,1164); else it is the detector's (PS3.3 10.7.1.3).
 */
function spacingOf(metadata: DicomObject): Pick<Frame, 'spacingMm' | 'spacingOf'> {
  const own = spacingAt(metadata, '00280030');
  if (numbers(metadata, '00200037').length === 6) return { spacingMm: own, spacingOf: 'patient' };
  const detector = spacingAt(metadata, '00181164');
  const differs = own !== null && detector !== null && (Math.abs(own[0] - detector[0]) > CALIBRATED_APART * detector[0] || Math.abs(own[1] - detector[1]) > CALIBRATED_APART * detector[1]);
  if (own !== null && (differs || text(metadata, '00280A02') !== '')) return { spacingMm: own, spacingOf: 'patient' };
  const known = own ?? detector;
  return { spacingMm: known, spacingOf: known === null ? 'patient' : 'detector' };
}

/** Stored values that are no picture: Pixel Padding Value (0028,0120) to its limit (0028,0121); null without any. */
export function paddingOf(metadata: DicomObject): [number, number] | null {
  const value = first(metadata, '00280120');
  if (value === null) return null;
  const limit = first(metadata, '00280121') ?? value;
  return [Math.min(value, limit), Math.max(value, limit)];
}

/** Photometric Interpretation (0028,0004) MONOCHROME1: the lowest value is white. */
export function isNegative(metadata: DicomObject): boolean {
  return text(metadata, '00280004').trim() === 'MONOCHROME1';
}

const SHARED_GROUPS = '52009229';
const FRAME_GROUPS = '52009230';

/**
 * Attributes of one frame. An enhanced multi-frame object keeps place, spacing, rescale and window in functional groups
 * (PS3.3 C.7.6.16.2), the shared ones below the frame's own; all others speak for every frame.
 */
export function ofFrame(metadata: DicomObject, index: number): DicomObject {
  const shared = metadata[SHARED_GROUPS]?.Value?.[0];
  const own = metadata[FRAME_GROUPS]?.Value?.[index];
  if (shared === undefined && own === undefined) return metadata;
  const frame: DicomObject = Object.fromEntries(Object.entries(metadata).filter(([tag]) => tag !== SHARED_GROUPS && tag !== FRAME_GROUPS && tag !== '00280008'));
  for (const groups of [shared, own]) {
    if (typeof groups !== 'object' || groups === null) continue;
    for (const group of Object.values(groups as Record<string, DicomElement | undefined>)) Object.assign(frame, group?.Value?.[0]);
  }
  return frame;
}

/** Frames in the manifest's order (the server sorts by geometry, then instance number). */
export type AddressOf = (sop: string, frame: number) => string;

export function framesOf(origin: string, studyUid: string, series: ManifestSeries): FrameSource[] {
  return framesAt(series, (sop, frame) => frameAddress(origin, studyUid, series.series_uid, sop, frame));
}

/** The same frames from another source: `addressOf` says where each one is. */
export function framesAt(series: ManifestSeries, addressOf: AddressOf): FrameSource[] {
  return series.instances.flatMap((instance) => {
    const sop = text(instance, '00080018');
    const rows = first(instance, '00280010');
    const columns = first(instance, '00280011');
    if (sop === '' || rows === null || columns === null) return []; // no picture: a report, for example
    const count = Math.max(1, first(instance, '00280008') ?? 1);
    return Array.from({ length: count }, (_, index) => {
      const metadata = ofFrame(instance, index);
      return { metadata, frame: { imageId: addressOf(sop, index + 1), key: `${sop}/${index + 1}`, rows, columns, ...geometryOf(metadata) } };
    });
  });
}

function geometryOf(metadata: DicomObject): Omit<Frame, 'imageId' | 'key' | 'rows' | 'columns'> {
  const orientation = numbers(metadata, '00200037');
  const directions = (metadata['00200020']?.Value ?? []).map(String);
  return {
    rowCosine: vectorAt(orientation, 0),
    columnCosine: vectorAt(orientation, 3),
    position: vectorAt(numbers(metadata, '00200032'), 0),
    frameOfReference: text(metadata, '00200052'),
    patientOrientation: directions.length === 2 ? ([directions[0] ?? '', directions[1] ?? ''] as [string, string]) : null,
    thicknessMm: first(metadata, '00180050'),
    ...spacingOf(metadata),
  };
}

/** The frame on the screen among those of a series; undefined while the picture is still another series'. */
export function shownFrame(frames: readonly Frame[], painted: { index: number; frame: string } | null): Frame | undefined {
  if (painted === null) return undefined;
  const at = frames[painted.index];
  return at?.key === painted.frame ? at : frames.find((frame) => frame.key === painted.frame);
}

const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export function normalOf(frame: Frame): Vector | null {
  const [r, c] = [frame.rowCosine, frame.columnCosine];
  if (r === null || c === null) return null;
  return [r[1] * c[2] - r[2] * c[1], r[2] * c[0] - r[0] * c[2], r[0] * c[1] - r[1] * c[0]];
}

/** Slice position along its own normal, mm; null without geometry. */
export function slicePositionMm(frame: Frame): number | null {
  const normal = normalOf(frame);
  return normal === null || frame.position === null ? null : dot(normal, frame.position);
}

/** Index of the slice nearest to a point in patient coordinates; null without geometry. */
export function nearestSlice(frames: readonly Frame[], point: Vector): number | null {
  let best: number | null = null;
  let distance = Infinity;
  frames.forEach((frame, index) => {
    const normal = normalOf(frame);
    const position = slicePositionMm(frame);
    if (normal === null || position === null) return;
    const away = Math.abs(dot(normal, point) - position);
    if (away < distance) [best, distance] = [index, away];
  });
  return best;
}

/** Letters of a direction: the axes that hold at least a quarter of it, strongest first. */
export function lettersOf(direction: Vector): string {
  const names: [string, string][] = [
    ['L', 'R'],
    ['P', 'A'],
    ['H', 'F'],
  ];
  return direction
    .map((value, axis) => ({ value, name: names[axis]?.[value >= 0 ? 0 : 1] ?? '' }))
    .filter((part) => Math.abs(part.value) > 0.25)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .map((part) => part.name)
    .join('');
}

const OPPOSITE: Record<string, string> = { L: 'R', R: 'L', A: 'P', P: 'A', H: 'F', F: 'H' };
const opposite = (letters: string) => letters.split('').map((letter) => OPPOSITE[letter] ?? '').join('');

export interface EdgeLetters {
  left: string;
  right: string;
  top: string;
  bottom: string;
}

/** Patient directions at the edges of the picture as it is turned by `matrix` (image to pane); null when the file does not say. */
export function edgeLetters(frame: Frame, matrix: readonly [number, number, number, number, ...number[]] = [1, 0, 0, 1]): EdgeLetters | null {
  const [a, b, c, d] = matrix;
  const det = a * d - b * c;
  // A step to the right, and one down, on the pane, in columns and rows of the image.
  const right = lettersAlong(frame, d / det, -b / det);
  const bottom = lettersAlong(frame, -c / det, a / det);
  if (right === null || bottom === null) return null;
  return { left: opposite(right), right, top: opposite(bottom), bottom };
}

function lettersAlong(frame: Frame, columns: number, rows: number): string | null {
  const [along, down] = [frame.rowCosine, frame.columnCosine];
  if (along !== null && down !== null) {
    const [rowMm, columnMm] = frame.spacingMm ?? [1, 1];
    const way = along.map((cosine, axis) => cosine * columns * columnMm + (down[axis] ?? 0) * rows * rowMm) as Vector;
    const size = Math.hypot(...way);
    return lettersOf(way.map((part) => part / size) as Vector);
  }
  if (frame.patientOrientation === null) return null;
  // A projection names two directions; a picture turned by other than a right angle shows the nearer one.
  const [rowLetters, columnLetters] = frame.patientOrientation;
  const [letters, steps] = Math.abs(columns) >= Math.abs(rows) ? [rowLetters, columns] : [columnLetters, rows];
  return steps >= 0 ? letters : opposite(letters);
}
