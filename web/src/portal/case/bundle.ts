/** The opened case: index, manifests, frames. Everything here came through a seal; shapes are checked, texts stay data. Pure. */
import type { Lesion, ManifestSeries, Outlines, Qc } from '../../api/types';
import { framesAt, type FrameSource } from '../../viewer/frames';

export interface CaseObject {
  object: string;
  kind: string;
  position: Record<string, number | number[]>;
  address: string;
  length: number;
  content_type: string;
  title: string;
  /** Epoch under which it was sealed, where it differs from the index's own. */
  epoch?: number;
}

export interface CaseStudy {
  n: number;
  modality: string;
  study_date: string;
  description: string;
  prior: boolean;
}

export interface CaseIndex {
  patient: { name: string; id: string; sex: string; birth_date: string };
  purpose: string;
  summary: string;
  consent: { reference: string; at: string };
  requester: { name: string; hospital: string; department: string };
  objects: CaseObject[];
  studies: CaseStudy[];
}

/** Where a frame lies inside its sealed group. */
export interface FramePlace {
  object: string;
  offset: number;
  length: number;
  syntax: string;
  /** The same frame made smaller by a factor, where it is large: shown until the whole is here. */
  reduced?: Omit<FramePlace, 'reduced'> & { factor: number };
}

export interface SealedSeries extends ManifestSeries {
  n: number;
  frames: FramePlace[];
}

export class CaseBroken extends Error {}

type Loose = Record<string, unknown>;
const loose = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const whole = (value: unknown): number => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw new CaseBroken('number');
  return value;
};
const list = (value: unknown): unknown[] => {
  if (!Array.isArray(value)) throw new CaseBroken('list');
  return value as unknown[];
};

function objectOf(value: unknown): CaseObject {
  const one = loose(value);
  if (!/^[0-9a-f]{64}$/.test(text(one['address'])) || text(one['object']) === '') throw new CaseBroken('object');
  return {
    object: text(one['object']),
    kind: text(one['kind']),
    position: loose(one['position']) as CaseObject['position'],
    address: text(one['address']),
    length: whole(one['length']),
    content_type: text(one['content_type']),
    // The box adds a line that tells two of the same title apart.
    title: text(one['title']).split('\n')[0] ?? '',
    ...(typeof one['epoch'] === 'number' ? { epoch: one['epoch'] } : {}),
  };
}

export function caseOf(json: string): CaseIndex {
  const value = loose(JSON.parse(json));
  const patient = loose(value['patient']);
  const consent = loose(value['consent']);
  const requester = loose(value['requester']);
  return {
    patient: { name: text(patient['name']), id: text(patient['id']), sex: text(patient['sex']), birth_date: text(patient['birth_date']) },
    purpose: text(value['purpose']),
    summary: text(value['summary']),
    consent: { reference: text(consent['reference']), at: text(consent['at']) },
    requester: { name: text(requester['name']), hospital: text(requester['hospital']), department: text(requester['department']) },
    objects: list(value['objects']).map(objectOf),
    studies: list(value['studies']).map((entry) => {
      const study = loose(entry);
      return { n: whole(study['n']), modality: text(study['modality']), study_date: text(study['study_date']), description: text(study['description']), prior: study['prior'] === true };
    }),
  };
}

const placeOf = (place: Loose): FramePlace => ({ object: text(place['object']), offset: whole(place['offset']), length: whole(place['length']), syntax: text(place['syntax']) });

/** Series of a display manifest, each with the places of its frames in the order of its instances. */
export function seriesOf(json: string): SealedSeries[] {
  return list(loose(JSON.parse(json))['series']).map((entry, index) => {
    const series = loose(entry);
    const number = series['number'];
    return {
      n: typeof series['n'] === 'number' ? series['n'] : index,
      series_uid: text(series['series_uid']),
      modality: text(series['modality']),
      number: typeof number === 'number' ? number : null,
      description: text(series['description']),
      instances: list(series['instances']) as ManifestSeries['instances'],
      frames: list(series['frames'] ?? []).map((value) => {
        const place = loose(value);
        const factor = loose(place['reduced'])['factor'];
        return typeof factor === 'number' && factor > 1 ? { ...placeOf(place), reduced: { ...placeOf(loose(place['reduced'])), factor } } : placeOf(place);
      }),
    };
  });
}

/** The text of an opened object, unpacked where it was packed. */
export async function textOf(object: Pick<CaseObject, 'content_type'>, bytes: Uint8Array): Promise<string> {
  if (object.content_type !== 'application/gzip') return new TextDecoder().decode(bytes);
  const unpacked = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'));
  try {
    return await new Response(unpacked).text();
  } catch {
    throw new CaseBroken('gzip');
  }
}

export const SCHEME = 'sealed';

/** Frames of a series with addresses of our own; `places` finds their bytes again. */
export function sealedFrames(consult: string, study: number, series: SealedSeries): { sources: FrameSource[]; places: Map<string, FramePlace> } {
  const base = `${SCHEME}:${consult}/${study}/${series.n}`;
  const sources = framesAt(series, (sop, frame) => `${base}/instances/${encodeURIComponent(sop)}/frames/${frame}`);
  const places = new Map<string, FramePlace>();
  sources.forEach((source, index) => {
    const place = series.frames[index];
    if (place === undefined) return;
    places.set(source.frame.imageId, place);
    if (place.reduced === undefined) return;
    source.reduced = { imageId: `${source.frame.imageId}/reduced`, factor: place.reduced.factor };
    places.set(source.reduced.imageId, place.reduced);
  });
  // A frame without a place was left out by the sender (an unticked series): it is not offered.
  return { sources: sources.filter((source) => places.has(source.frame.imageId)), places };
}

/** Whose result it is: named by the hospital, the AI's being set 0. */
export interface SetLabel {
  /** Tells the sets of a study apart. */
  key: string;
  source: 'ai' | 'county';
  zh: string;
  en: string;
  by: string;
  at: string;
}

export interface ResultSet extends SetLabel {
  outlines: Outlines;
}

function labelOf(value: Loose, object: Pick<CaseObject, 'position'>): SetLabel {
  const named = loose(value['result_set']);
  const source = text(named['source']) || text(value['source']);
  const [study, set] = [Number(object.position['study'] ?? 0), Number(object.position['set'] ?? 0)];
  // A county's set that came without an ordinal (earlier releases) is still not the AI's.
  const key = `${study}/${set}${source === 'county' && set === 0 ? 'c' : ''}`;
  return { key, source: source === 'county' ? 'county' : 'ai', zh: text(named['zh']), en: text(named['en']), by: text(named['by']), at: text(named['at']) };
}

export function outlinesOf(json: string, object: Pick<CaseObject, 'position'>): ResultSet {
  const value = loose(JSON.parse(json));
  return {
    ...labelOf(value, object),
    outlines: { series_uid: text(value['series_uid']), version: Number(value['version']) || 0, lines: loose(value['lines']) as Outlines['lines'] },
  };
}

export interface CaseFindings extends SetLabel {
  /** Ordinal of the study that they are of. */
  study: number;
  lesions: Lesion[];
  model: string;
  version: string;
  status: string;
  tb: { score: number; threshold: number; positive: boolean } | null;
  /** What the county's physicians said of the AI's findings. */
  assessments: { by: string; at: string; text: string }[];
}

export function findingsOf(json: string, object: Pick<CaseObject, 'position'> = { position: {} }): CaseFindings {
  const value = loose(JSON.parse(json));
  const tb = loose(value['tb']);
  const method = loose(value['method']);
  return {
    ...labelOf(value, object),
    study: Number(object.position['study'] ?? 0),
    lesions: (Array.isArray(value['lesions']) ? value['lesions'] : []) as Lesion[],
    model: text(method['model']) || text(tb['model']),
    version: text(method['version']) || text(tb['version']),
    status: text(value['status']),
    tb: typeof tb['score'] === 'number' && typeof tb['threshold'] === 'number' ? { score: tb['score'], threshold: tb['threshold'], positive: tb['positive'] === true } : null,
    assessments: (Array.isArray(value['assessments']) ? value['assessments'] : []).map((entry) => {
      const one = loose(entry);
      return { by: text(one['by']), at: text(one['at']), text: text(one['text']) };
    }),
  };
}

export function qcOf(json: string): Qc | null {
  const value = loose(JSON.parse(json));
  const verdict = value['verdict'];
  if (verdict !== 'pass' && verdict !== 'warn' && verdict !== 'reject') return null;
  return { verdict, reasons: (Array.isArray(value['reasons']) ? value['reasons'] : []) as Qc['reasons'], metrics: loose(value['metrics']) as Record<string, number> };
}
