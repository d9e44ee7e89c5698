/** Which PET goes with a CT, where it lies against it, and whether its values are SUV: as the appliance found them. */
import { useMemo } from 'react';
import type { Manifest, ManifestSeries, PublicMessage, Study } from '../api/types';
import type { Comparison, JoinedList } from '../study/joined';
import { baseOf, type StudyPictures } from '../study/pictures';
import { useRead } from '../ui/useRead';
import { framesOf, type FrameSource } from '../viewer/frames';
import type { Vector } from './grid';
import type { Slice, Volume } from './reslice';

/** What a result says of its PET (`pet_json`), as far as pictures need it. */
export interface PetAnswer {
  series_uid?: string | null;
  reason: PublicMessage | null;
  suv: { per_unit?: number; uptake_min: number | null } | null;
  alignment: { length_mm: number; angle_deg: number; used: boolean; shared_frame?: boolean; spread_mm: number; motion?: number[][] } | null;
}

export interface FoundPet {
  sources: FrameSource[];
  /** null where nobody has looked at it yet. */
  answer: PetAnswer | null;
  /** Of another study, fused by the appliance. */
  elsewhere: boolean;
}

export type PetState = { state: 'none' | 'reading' | 'unread' } | { state: 'found'; pet: FoundPet };

function petSeries(series: readonly ManifestSeries[], uid: string | null | undefined): ManifestSeries | null {
  const pets = series.filter((one) => one.modality === 'PT' && one.instances.length > 1);
  return pets.find((one) => one.series_uid === uid) ?? [...pets].sort((a, b) => b.instances.length - a.instances.length)[0] ?? null;
}

const sourcesOf = (studyUid: string, series: ManifestSeries) => framesOf(window.location.origin, studyUid, series);

/** The study's own PET before another study's; `asked` while somebody wants to see it. */
export function usePet(study: Study, of: StudyPictures, asked: boolean): PetState {
  const answer = (study.analysis as { pet?: PetAnswer } | null)?.pet ?? null;
  const own = useMemo(() => (of.prior ? null : petSeries(of.pictured, answer?.series_uid)), [of, answer]);
  const base = baseOf(study.row.study);
  const search = asked && own === null && !of.prior;
  const list = useRead<JoinedList>(search ? `${base}/joined` : null);
  const row = list.data?.rows.find((one) => one.task === 'fusion' && one.carrier && one.state !== 'waiting' && one.state !== 'running' && one.state !== 'failed');
  const fused = useRead<Comparison>(row === undefined ? null : `${base}/joined/${row.id}`);
  const other = useRead<Manifest>(row === undefined ? null : `${baseOf(row.other.study)}/manifest`);
  const failed = [list, fused, other].some((read) => read.error !== null);
  const [listed, result, manifest] = [list.data !== null, fused.data?.result as PetAnswer | undefined, other.data];
  const wanted = row !== undefined;
  // Every state is one object for as long as it lasts: slices are read again for another one.
  return useMemo<PetState>(() => {
    if (own !== null) return { state: 'found', pet: { sources: sourcesOf(of.row.study_uid, own), answer, elsewhere: false } };
    if (!search) return { state: 'none' };
    if (failed) return { state: 'unread' };
    if (!listed) return { state: 'reading' };
    if (!wanted) return { state: 'none' };
    return result === undefined || manifest === null ? { state: 'reading' } : fusedOf(result, manifest);
  }, [own, of, answer, search, failed, listed, wanted, result, manifest]);
}

function fusedOf(answer: PetAnswer, other: Manifest): PetState {
  const series = petSeries(other.series, answer.series_uid);
  const studyUid = series?.instances[0]?.['0020000D']?.Value?.[0];
  return series === null || typeof studyUid !== 'string' ? { state: 'none' } : { state: 'found', pet: { sources: sourcesOf(studyUid, series), answer, elsewhere: true } };
}

export type Placed = { toPet: (point: Vector) => Vector; by: 'geometry' | 'motion' } | null;

/**
 * How a point of the CT is found in the PET: by the appliance's rigid motion (CT LPS to PET LPS), else by the
 * shared frame of reference; null where neither holds.
 */
export function placedBy(answer: PetAnswer | null, ctFrame: string, petFrame: string): Placed {
  const m = answer?.alignment?.motion;
  const usable = m !== undefined && (answer?.alignment?.used === true || answer?.alignment?.shared_frame === false);
  if (usable) {
    const at = (row: readonly number[] | undefined, [x, y, z]: Vector) => (row?.[0] ?? NaN) * x + (row?.[1] ?? NaN) * y + (row?.[2] ?? NaN) * z + (row?.[3] ?? NaN);
    return { toPet: (point) => [at(m[0], point), at(m[1], point), at(m[2], point)], by: 'motion' };
  }
  return ctFrame !== '' && ctFrame === petFrame ? { toPet: (point) => point, by: 'geometry' } : null;
}

/** The same PET with its values multiplied: to SUV, by the appliance's factor. */
export function scaledBy(volume: Volume, perUnit: number): Volume {
  return { grid: volume.grid, slices: volume.slices.map((slice): Slice => ({ ...slice, slope: slice.slope * perUnit, intercept: slice.intercept * perUnit })) };
}

/** Highest value of all slices, for a scale where the values are no SUV; 1 where there is none. */
export function highest({ slices }: Volume): number {
  let most = 0;
  for (const { stored, slope, intercept } of slices) for (let at = 0; at < stored.length; at += 1) most = Math.max(most, (stored[at] ?? 0) * slope + intercept);
  return most > 0 ? most : 1;
}
