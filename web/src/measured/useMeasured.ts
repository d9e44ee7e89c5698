/** Measurements of the study that is read and of the prior beside it, as the reading area needs them. */
import { useCallback, useMemo } from 'react';
import type { Frame } from '../viewer/frames';
import type { Hands } from '../viewer/useDrawing';
import type { Shown, StudyPictures } from '../study/pictures';
import { foreignOf, type Foreign, type Kept } from './kept';
import { useKept, type KeptState } from './useKept';

/** Where a frame is shown. */
export interface Place {
  uid: string;
  index: number;
  frame: Frame;
  prior: boolean;
  modality: string;
}

/** What stands at the server: others' drawings, and its numbers of one's own. */
export interface KeptDrawings {
  others: readonly Foreign[];
  own: ReadonlyMap<string, Kept>;
}

export interface Measured {
  current: KeptState;
  prior: KeptState;
  places: ReadonlyMap<string, Place>;
  drawings: KeptDrawings;
}

export function useMeasured(study: string, prior: StudyPictures | null, shown: ReadonlyMap<string, Shown>, hands: Hands): Measured {
  const places = useMemo(() => {
    const found = new Map<string, Place>();
    for (const [uid, { prior: before, series, sources }] of shown) sources.forEach(({ frame }, index) => found.set(frame.key, { uid, index, frame, prior: before, modality: series.modality }));
    return found;
  }, [shown]);
  const ours = useCallback((frame: string) => places.get(frame)?.prior === false, [places]);
  const before = useCallback((frame: string) => places.get(frame)?.prior === true, [places]);
  const current = useKept({ study, hands, owns: ours });
  const earlier = useKept({ study: prior?.row.study ?? null, hands, owns: before });
  const { read, known } = current;
  const { read: earlierRead, known: earlierKnown } = earlier;
  const drawings = useMemo<KeptDrawings>(() => {
    const lists = [read, earlierRead].flatMap((one) => one?.others ?? []);
    return { others: lists.flatMap(foreignOf), own: new Map([...known, ...earlierKnown].map((one) => [one.id, one])) };
  }, [read, known, earlierRead, earlierKnown]);
  return { current, prior: earlier, places, drawings };
}
