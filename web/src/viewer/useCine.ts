/** Cine: frames one after the other at a rate, never past one that is not here. */
import { useEffect, useRef, useState } from 'react';
import type { DicomObject } from '../api/types';
import type { FrameSource } from './frames';
import type { PaneState } from './usePane';

const USUAL_PER_S = 15;
const [SLOWEST, FASTEST] = [1, 60];

const first = (metadata: DicomObject | undefined, tag: string): number | null => {
  const value = Number(metadata?.[tag]?.Value?.[0]);
  return Number.isFinite(value) && value > 0 ? value : null;
};

/**
 * Frames a second as the file wants them: Recommended Display Frame Rate (0008,2144), Cine Rate (0018,0040), Frame Time
 * (0018,1063) in ms; else 15, which is our own choice for a stack of slices.
 */
export function rateOf(metadata: DicomObject | undefined): number {
  const time = first(metadata, '00181063');
  const rate = first(metadata, '00082144') ?? first(metadata, '00180040') ?? (time === null ? USUAL_PER_S : 1000 / time);
  return Math.min(FASTEST, Math.max(SLOWEST, rate));
}

/** The frame that comes next; null where it is not here yet: cine waits, it never leaves one out. */
export function nextFrame(at: number, count: number, loaded: (index: number) => boolean): number | null {
  const next = at + 1 >= count ? 0 : at + 1;
  return loaded(next) ? next : null;
}

export interface Cine {
  playing: boolean;
  /** Frames a second that are asked for. */
  rate: number;
  /** It waits for a frame that is not here. */
  waiting: boolean;
  toggle: () => void;
  faster: (factor: number) => void;
  stop: () => void;
}

export interface Reel {
  /** Frame on the screen. */
  at: number;
  count: number;
  loaded: ReadonlySet<number>;
  metadata: DicomObject | undefined;
  goTo: (index: number) => void;
}

/** The reel of a pane. */
export function reelOf(state: Pick<PaneState, 'painted' | 'wanted' | 'loaded'>, sources: readonly FrameSource[], goTo: Reel['goTo']): Reel {
  return { at: state.painted?.index ?? state.wanted, count: sources.length, loaded: state.loaded, metadata: sources[0]?.metadata, goTo };
}

export function useCine(reel: Reel): Cine {
  const [playing, setPlaying] = useState(false);
  const [waiting, setWaiting] = useState(false);
  const [chosen, setChosen] = useState<number | null>(null);
  const rate = chosen ?? rateOf(reel.metadata);
  const now = useRef(reel);
  useEffect(() => {
    now.current = reel;
  });
  useEffect(() => {
    if (!playing) return;
    let asked: number | null = null;
    const timer = window.setInterval(() => {
      const { at, count, loaded, goTo } = now.current;
      if (asked !== null && at !== asked) return; // not painted yet
      const next = nextFrame(at, count, (index) => loaded.has(index));
      setWaiting(next === null);
      if (next === null) return;
      asked = next;
      goTo(next);
    }, 1000 / rate);
    return () => window.clearInterval(timer);
  }, [playing, rate]);
  return {
    playing,
    rate,
    waiting: playing && waiting,
    toggle: () => {
      setWaiting(false);
      setPlaying(!playing && reel.count > 1);
    },
    faster: (factor) => setChosen(Math.min(FASTEST, Math.max(SLOWEST, Math.round(rate * factor)))),
    stop: () => setPlaying(false),
  };
}
