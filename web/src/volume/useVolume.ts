/** A series' slices as one volume: refused with a reason, on their way with progress, here, or failed. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import type { FrameSource } from '../viewer/frames';
import { gridOf, tooLarge, type Grid, type Refusal } from './grid';
import { ColourSlice, loadSlices, SliceFailed } from './load';
import type { Volume } from './reslice';

export type VolumeState =
  | { state: 'refused'; refusal: Refusal }
  | { state: 'loading'; done: number; of: number }
  /** `slice` is the image that could not be had, counted from one; null where the viewer itself did not start. */
  | { state: 'failed'; slice: number | null }
  | { state: 'ready'; volume: Volume; /** Which frame of the series is the k-th slice. */ order: readonly number[] };

function deviceMemory(): number | undefined {
  return (navigator as Navigator & { deviceMemory?: number }).deviceMemory;
}

type Checked = { grid: Grid; order: readonly number[] } | { refused: Refusal };

function checked(sources: readonly FrameSource[]): Checked {
  const answer = gridOf(sources.map((source) => source.frame));
  if ('refused' in answer) return answer;
  const large = tooLarge(answer.grid.size, deviceMemory());
  return large === null ? answer : { refused: large };
}

type Progress = { of: readonly FrameSource[]; round: number } & ({ done: number } | { volume: Volume } | { failed: number | null } | { colour: true });

/** Leaving the part, or another series, breaks the loading off; what was decoded stays in the viewer's cache. */
export function useVolume(sources: readonly FrameSource[]): [VolumeState, () => void] {
  const [round, setRound] = useState(0);
  const [progress, setProgress] = useState<Progress | null>(null);
  const answer = useMemo(() => checked(sources), [sources]);
  useEffect(() => {
    if ('refused' in answer) return;
    const broken = new AbortController();
    const tell = (what: { done: number } | { volume: Volume } | { failed: number | null } | { colour: true }) => {
      if (!broken.signal.aborted) setProgress({ of: sources, round, ...what });
    };
    void import('../viewer/cornerstoneVolume')
      .then(({ decodedSlice }) => loadSlices(sources, answer.order, decodedSlice, (done) => tell({ done }), broken.signal))
      .then((slices) => tell({ volume: { grid: answer.grid, slices } }))
      .catch((error: unknown) => tell(error instanceof ColourSlice ? { colour: true } : { failed: error instanceof SliceFailed ? error.index + 1 : null }));
    return () => broken.abort();
  }, [answer, sources, round]);
  const again = useCallback(() => setRound((old) => old + 1), []);
  const state = useMemo(() => stateOf(answer, progress !== null && progress.of === sources && progress.round === round ? progress : null), [answer, progress, sources, round]);
  return [state, again];
}

function stateOf(answer: Checked, progress: Progress | null): VolumeState {
  if ('refused' in answer) return { state: 'refused', refusal: answer.refused };
  if (progress === null) return { state: 'loading', done: 0, of: answer.order.length };
  if ('colour' in progress) return { state: 'refused', refusal: { code: 'colour', facts: {} } };
  if ('failed' in progress) return { state: 'failed', slice: progress.failed };
  if ('volume' in progress) return { state: 'ready', volume: progress.volume, order: answer.order };
  return { state: 'loading', done: progress.done, of: answer.order.length };
}
