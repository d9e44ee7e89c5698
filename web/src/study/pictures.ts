/** A study's pictures and AI outlines, for the study that is read and the prior beside it. */
import { useMemo } from 'react';
import type { Manifest, ManifestSeries, Outlines, Row } from '../api/types';
import { useRead } from '../ui/useRead';
import { framesOf, type FrameSource } from '../viewer/frames';

/** Another study under the same Patient ID; `contradicts` says what speaks against one person, "" for nothing. */
export type Prior = Row & { contradicts: string };

export interface StudyPictures {
  row: Row;
  prior: boolean;
  /** How the other study is called beside the one that is read: a later one is no prior. */
  mark: 'prior.mark' | 'prior.later';
  pictured: readonly ManifestSeries[];
  outlines: Outlines | null;
}

/** A series that can be shown. */
export interface Shown {
  prior: boolean;
  series: ManifestSeries;
  sources: FrameSource[];
}

export const baseOf = (study: string) => `/api/studies/${encodeURIComponent(study)}`;

const withPictures = (manifest: Manifest | null) => (manifest?.series ?? []).filter((series) => series.instances.length > 0);

export function usePictured(manifest: Manifest | null): readonly ManifestSeries[] {
  return useMemo(() => withPictures(manifest), [manifest]);
}

/** The chosen prior study's pictures; nothing while none is chosen or it is on its way. */
export function usePrior(row: Row | null, readDate: string): { pictures: StudyPictures | null; error: unknown } {
  const manifest = useRead<Manifest>(row === null ? null : `${baseOf(row.study)}/manifest`);
  const outlines = useRead<Outlines>(row === null || manifest.data === null || (row.lesion_count ?? 0) === 0 ? null : `${baseOf(row.study)}/outlines`).data;
  const pictured = usePictured(manifest.data);
  return useMemo(() => ({ pictures: row === null || pictured.length === 0 ? null : { row, prior: true, mark: row.study_date > readDate ? 'prior.later' : 'prior.mark', pictured, outlines }, error: manifest.error }), [row, readDate, pictured, outlines, manifest.error]);
}

/** Every series by its UID. Outlines that arrive later change nothing here: a pane keeps what it holds. */
export function useShown(current: StudyPictures, before: StudyPictures | null): ReadonlyMap<string, Shown> {
  const own = useFrames(current.row.study_uid, current.pictured, false);
  const prior = useFrames(before?.row.study_uid ?? '', before?.pictured ?? NONE, true);
  return useMemo(() => new Map([...own, ...prior]), [own, prior]);
}

const NONE: readonly ManifestSeries[] = [];

function useFrames(studyUid: string, pictured: readonly ManifestSeries[], prior: boolean): ReadonlyMap<string, Shown> {
  return useMemo(() => new Map(pictured.map((series) => [series.series_uid, { prior, series, sources: framesOf(window.location.origin, studyUid, series) }])), [studyUid, pictured, prior]);
}

/** The prior's series to lay beside one of the current study: same modality, then the most slices. */
export function counterpart(series: ManifestSeries, prior: readonly ManifestSeries[]): ManifestSeries | null {
  const fit = (other: ManifestSeries) => (other.modality === series.modality ? 1e6 : 0) + other.instances.length;
  return [...prior].sort((a, b) => fit(b) - fit(a))[0] ?? null;
}
