/** The pane as React state: what is shown, what is asked for, what is loaded. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type RefObject } from 'react';
import type { Painted, Pane, Turn } from './cornerstone';
import { shownFrame, type FrameSource } from './frames';
import { attachMouse, DRAWING, MOUSE, type Mouse, type Tool } from './interaction';
import { toImage, type MeasureKind, type Point } from './measure';
import { draggedWindow, PRESETS, type PresetName, type Window } from './presets';
import type { Sampler } from './readings';
import { freshId, type Hands } from './useDrawing';

export interface Probe {
  column: number;
  row: number;
  /** null where the file says that there is no picture (padding). */
  value: number | null;
}

export interface PaneState {
  painted: Painted | null;
  /** Frame the reader asked for; differs from `painted.index` until it is here. */
  wanted: number;
  trouble: 'loading' | 'reduced' | 'failed' | null;
  loaded: ReadonlySet<number>;
  broken: 'start' | 'context' | null;
  drawnBy: 'webgl' | 'cpu' | null;
  probe: Probe | null;
  /** Values of the original that is painted. */
  pixels: Sampler | null;
  turn: Turn;
  /** Where the magnifier is held, in the pane's CSS pixels. */
  loupe: Point | null;
}

export interface PaneControls {
  goTo: (index: number) => void;
  preset: (name: PresetName) => void;
  setWindow: (window: Window) => void;
  invert: () => void;
  reset: () => void;
  zoomBy: (factor: number) => void;
  /** Turn by degrees, clockwise on the screen. */
  rotate: (degrees: number) => void;
  flip: (way: 'horizontal' | 'vertical') => void;
  /** Take away the selected measurement of the frame shown, else its last. */
  removeMeasure: () => void;
}

const NO_TURN: Turn = { rotation: 0, flipHorizontal: false, flipVertical: false };
const FRESH: PaneState = { painted: null, wanted: 0, trouble: 'loading', loaded: new Set(), broken: null, drawnBy: null, probe: null, pixels: null, turn: NO_TURN, loupe: null };

const ZOOM_PER_PX = 1.006;
const ZOOM_PER_NOTCH = 1.1;
const SCROLL_PX = 6;
const LOADED_MS = 100; // frames that arrive within it are marked at once: hundreds of marks must not hold up the loading
const FAST_PART = 20; // Ctrl + wheel skips a twentieth of the series
const REACH_PX = 8; // how near the hand must come to a handle

const positive = (degrees: number) => ((degrees % 360) + 360) % 360;

/** The picture as it is seen, turned clockwise. */
export function turnedBy(turn: Turn, degrees: number): Turn {
  return { ...turn, rotation: positive(turn.rotation + degrees) };
}

/** The picture as it is seen, mirrored: since a flip comes before the turn, the turn changes its sign. */
export function flippedBy(turn: Turn, way: 'horizontal' | 'vertical'): Turn {
  const axis = way === 'horizontal' ? 'flipHorizontal' : 'flipVertical';
  return { ...turn, rotation: positive(-turn.rotation), [axis]: !turn[axis] };
}

interface Start {
  at: number;
  preset: PresetName;
  /** Asked when a series opens: the slice that goes with what is shown beside it; null for `at`. */
  beside?: () => number | null;
}

export function usePane(sources: FrameSource[], start: Start, left: Tool, hands: Hands, mouse: Mouse = MOUSE): [RefObject<HTMLDivElement | null>, PaneState, PaneControls] {
  const host = useRef<HTMLDivElement>(null);
  const pane = useRef<Pane | null>(null);
  const [state, setState] = useState<PaneState>({ ...FRESH, wanted: start.at });
  const [ready, setReady] = useState(false);
  /** Key of the frame on the screen: when more images arrive, the eye stays on it. */
  const eye = useRef<string | null>(null);
  const now = useRef({ state, sources, mouse: { ...mouse, left }, start, drafting: false, edit: hands.edit });
  // Before the next key or stroke: an ordinary effect may run only after it.
  useLayoutEffect(() => {
    now.current = { state, sources, mouse: { ...mouse, left }, start, drafting: hands.drawing.draft !== null, edit: hands.edit };
  });
  /** Frames that came since `loaded` was last told. */
  const came = useRef(new Set<number>());
  const paintedFrame = state.painted?.frame;
  useEffect(() => {
    if (paintedFrame !== undefined) eye.current = paintedFrame;
  }, [paintedFrame]);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    let lostOff: (() => void) | null = null;
    const mine = new AbortController();
    const gone = () => mine.signal.aborted;
    const observer = new ResizeObserver(() => pane.current?.resize());
    const tell = () => {
      const fresh = came.current;
      came.current = new Set();
      if (!gone() && fresh.size > 0) setState((old) => ([...fresh].every((index) => old.loaded.has(index)) ? old : { ...old, loaded: new Set([...old.loaded, ...fresh]) }));
    };
    void import('./cornerstone').then(async (door) => {
      if (gone()) return;
      const created = await door.createPane(element, {
        onPaint: (painted) => setState((old) => ({ ...old, painted, pixels: pane.current?.sampler() ?? null })),
        onFrame: (index, what) => setState((old) => ({ ...old, wanted: index, trouble: what === 'done' ? null : what })),
        onLoaded: (index) => {
          if (came.current.size === 0) window.setTimeout(tell, LOADED_MS);
          came.current.add(index);
        },
      });
      if (gone()) {
        created.close();
        return;
      }
      pane.current = created;
      lostOff = door.onContextLost(() => setState((old) => ({ ...old, broken: 'context' })));
      observer.observe(element);
      setState((old) => ({ ...old, drawnBy: door.renderer() }));
      setReady(true);
    }).catch(() => {
      if (!gone()) setState((old) => ({ ...old, broken: 'start' }));
    });
    return () => {
      mine.abort();
      observer.disconnect();
      lostOff?.();
      pane.current?.close();
      pane.current = null;
      setReady(false);
    };
  }, []);

  useEffect(() => {
    if (!ready || sources.length === 0) return;
    const { at, preset, beside } = now.current.start;
    const kept = sources.findIndex((source) => source.frame.key === eye.current);
    const to = kept < 0 ? (beside?.() ?? at) : kept;
    const { painted } = now.current.state;
    const window = kept < 0 || painted === null ? PRESETS[preset].window : painted.window;
    const turn = kept < 0 ? NO_TURN : now.current.state.turn;
    came.current = new Set();
    setState((old) => ({ ...old, loaded: new Set(), wanted: to, trouble: 'loading', turn }));
    void pane.current?.open(sources, to, window, turn);
  }, [ready, sources]);

  const goTo = useCallback((index: number) => {
    const to = Math.min(Math.max(index, 0), now.current.sources.length - 1);
    now.current.state = { ...now.current.state, wanted: to };
    setState((old) => ({ ...old, wanted: to }));
    pane.current?.goTo(to);
  }, []);

  const { step } = hands;
  /** The frame on the screen and a place on it; null while nothing is painted. */
  const placed = useCallback((x: number, y: number) => {
    const { painted } = now.current.state;
    const frame = shownFrame(now.current.sources.map((source) => source.frame), painted);
    if (painted === null || frame === undefined) return null;
    const [down, right] = frame.spacingMm ?? [1, 1];
    return { frame: frame.key, at: toImage(painted.matrix, [x, y]), reach: REACH_PX / painted.scale, aspect: down / right };
  }, []);
  const probeAt = useCallback((x: number, y: number): Probe | null => {
    const { painted, pixels } = now.current.state;
    if (painted === null || pixels === null) return null;
    const [column, row] = toImage(painted.matrix, [x, y]).map(Math.round) as Point;
    if (column < 0 || row < 0 || column >= pixels.columns || row >= pixels.rows) return null;
    return { column, row, value: pixels.at(column, row) };
  }, []);
  const turn = useCallback((next: Turn) => {
    now.current.state = { ...now.current.state, turn: next };
    setState((old) => ({ ...old, turn: next }));
    pane.current?.turn(next);
  }, []);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    let from = { window: { width: 1, centre: 0 }, wanted: 0, turn: NO_TURN };
    return attachMouse(element, () => now.current.mouse, {
      begin: () => {
        const { painted, wanted, turn: turned } = now.current.state;
        from = { window: painted?.window ?? from.window, wanted, turn: turned };
      },
      move: (tool, total, moved) => {
        if (tool === 'window') pane.current?.setWindow(draggedWindow(from.window, total[0], total[1]));
        else if (tool === 'pan') pane.current?.panBy(moved[0], moved[1]);
        else if (tool === 'zoom') pane.current?.zoomBy(ZOOM_PER_PX ** -moved[1]);
        else if (tool === 'rotate') turn(turnedBy(from.turn, Math.round(total[0] / 2)));
        else goTo(from.wanted + Math.round(total[1] / SCROLL_PX));
      },
      wheel: (notches, fast) => {
        // Whoever zooms with the wheel turns pages with Ctrl.
        if (now.current.mouse.wheel === 'zoom' && !fast) {
          pane.current?.zoomBy(ZOOM_PER_NOTCH ** -notches);
          return;
        }
        if (now.current.mouse.wheel === 'zoom') {
          goTo(now.current.state.wanted + notches);
          return;
        }
        const stride = fast ? Math.max(1, Math.round(now.current.sources.length / FAST_PART)) : 1;
        goTo(now.current.state.wanted + notches * stride);
      },
      hover: (x, y) => {
        const place = placed(x, y);
        setState((old) => ({ ...old, probe: probeAt(x, y) }));
        if (place !== null && now.current.drafting) step({ step: 'hover', ...place });
        if (place !== null && now.current.mouse.left === 'edit') now.current.edit?.('hover', { ...place, scale: now.current.state.painted?.scale ?? 1 });
      },
      draw: (tool, stroke, x, y) => {
        if (tool === 'loupe') {
          setState((old) => ({ ...old, loupe: stroke === 'release' ? null : [x, y] }));
          return;
        }
        const place = placed(x, y);
        if (place === null) return;
        if (tool === 'edit') now.current.edit?.(stroke, { ...place, scale: now.current.state.painted?.scale ?? 1 });
        else if (DRAWING.has(tool)) step({ step: stroke, kind: tool as MeasureKind, id: freshId(), ...place });
      },
      leave: () => setState((old) => ({ ...old, probe: null })),
    });
  }, [goTo, placed, probeAt, step, turn]);

  const controls = useMemo<PaneControls>(
    () => ({
      goTo,
      preset: (name) => pane.current?.setWindow(PRESETS[name].window),
      setWindow: (window) => pane.current?.setWindow(window),
      invert: () => pane.current?.setInverted(!(now.current.state.painted?.inverted ?? false)),
      zoomBy: (factor) => pane.current?.zoomBy(factor),
      rotate: (degrees) => turn(turnedBy(now.current.state.turn, degrees)),
      flip: (way) => turn(flippedBy(now.current.state.turn, way)),
      removeMeasure: () => {
        const place = placed(0, 0);
        if (place !== null) step({ step: 'remove', frame: place.frame });
      },
      reset: () => {
        now.current.state = { ...now.current.state, turn: NO_TURN };
        setState((old) => ({ ...old, turn: NO_TURN }));
        pane.current?.reset();
        pane.current?.setWindow(PRESETS[now.current.start.preset].window);
      },
    }),
    [goTo, placed, step, turn],
  );
  return [host, state, controls];
}
