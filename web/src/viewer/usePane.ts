/** The pane as React state: what is shown, what is asked for, what is loaded. */
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from 'react';
import type { Painted, Pane } from './cornerstone';
import type { FrameSource } from './frames';
import { attachMouse, MOUSE, type Stroke, type Tool } from './interaction';
import { draw, NOTHING_DRAWN, toImage, type Drawing, type DrawStep, type MeasureKind, type Point } from './measure';
import { draggedWindow, PRESETS, type PresetName } from './presets';

export interface Probe {
  column: number;
  row: number;
  value: number;
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
  drawing: Drawing;
}

export interface PaneControls {
  goTo: (index: number) => void;
  preset: (name: PresetName) => void;
  invert: () => void;
  reset: () => void;
  zoomBy: (factor: number) => void;
  /** Take back the last measurement on the frame shown. */
  undoMeasure: () => void;
}

/** The hand of the tool `edit`, at a place of a frame in image coordinates; `hover` without a button. */
export type EditHand = (stroke: Stroke | 'hover', frame: string, at: Point) => void;

const FRESH: PaneState = { painted: null, wanted: 0, trouble: 'loading', loaded: new Set(), broken: null, drawnBy: null, probe: null, drawing: NOTHING_DRAWN };

const ZOOM_PER_PX = 1.006;
const SCROLL_PX = 6;
const FAST_PART = 20; // Ctrl + wheel skips a twentieth of the series

export function usePane(sources: FrameSource[], start: { at: number; preset: PresetName }, left: Tool, edit?: EditHand): [RefObject<HTMLDivElement | null>, PaneState, PaneControls] {
  const host = useRef<HTMLDivElement>(null);
  const pane = useRef<Pane | null>(null);
  const [state, setState] = useState<PaneState>({ ...FRESH, wanted: start.at });
  const [ready, setReady] = useState(false);
  /** Key of the frame on the screen: when more images arrive, the eye stays on it. */
  const eye = useRef<string | null>(null);
  const now = useRef({ state, sources, mouse: { ...MOUSE, left }, start, edit });
  useEffect(() => {
    now.current = { state, sources, mouse: { ...MOUSE, left }, start, edit };
  });
  const paintedAt = state.painted?.index;
  useEffect(() => {
    if (paintedAt !== undefined) eye.current = now.current.sources[paintedAt]?.frame.key ?? null;
  }, [paintedAt]);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    let lostOff: (() => void) | null = null;
    const mine = new AbortController();
    const gone = () => mine.signal.aborted;
    const observer = new ResizeObserver(() => pane.current?.resize());
    void import('./cornerstone').then(async (door) => {
      if (gone()) return;
      const created = await door.createPane(element, {
        onPaint: (painted) => setState((old) => ({ ...old, painted })),
        onFrame: (index, what) => setState((old) => ({ ...old, wanted: index, trouble: what === 'done' ? null : what })),
        onLoaded: (index) => setState((old) => (old.loaded.has(index) ? old : { ...old, loaded: new Set(old.loaded).add(index) })),
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
    const { at, preset } = now.current.start;
    const kept = sources.findIndex((source) => source.frame.key === eye.current);
    const to = kept < 0 ? at : kept;
    const painted = now.current.state.painted;
    const window = kept < 0 || painted === null ? PRESETS[preset].window : painted.window;
    setState((old) => ({ ...old, loaded: new Set(), wanted: to, trouble: 'loading' }));
    void pane.current?.open(sources, to, window);
  }, [ready, sources]);

  const goTo = useCallback((index: number) => {
    const to = Math.min(Math.max(index, 0), now.current.sources.length - 1);
    now.current.state = { ...now.current.state, wanted: to };
    setState((old) => ({ ...old, wanted: to }));
    pane.current?.goTo(to);
  }, []);

  const drawStep = useCallback((step: DrawStep) => setState((old) => ({ ...old, drawing: draw(old.drawing, step) })), []);
  /** The frame on the screen and a place on it; null while nothing is painted. */
  const placed = useCallback((x: number, y: number) => {
    const { painted } = now.current.state;
    const frame = painted === null ? undefined : now.current.sources[painted.index]?.frame.key;
    return painted === null || frame === undefined ? null : { frame, at: toImage(painted.matrix, [x, y]) };
  }, []);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    let from = { window: { width: 1, centre: 0 }, wanted: 0 };
    return attachMouse(element, () => now.current.mouse, {
      begin: () => {
        from = { window: now.current.state.painted?.window ?? from.window, wanted: now.current.state.wanted };
      },
      move: (tool, total, step) => {
        if (tool === 'window') pane.current?.setWindow(draggedWindow(from.window, total[0], total[1]));
        else if (tool === 'pan') pane.current?.panBy(step[0], step[1]);
        else if (tool === 'zoom') pane.current?.zoomBy(ZOOM_PER_PX ** -step[1]);
        else goTo(from.wanted + Math.round(total[1] / SCROLL_PX));
      },
      wheel: (notches, fast) => {
        const stride = fast ? Math.max(1, Math.round(now.current.sources.length / FAST_PART)) : 1;
        goTo(now.current.state.wanted + notches * stride);
      },
      hover: (x, y) => {
        const probe = pane.current?.probe(x, y) ?? null;
        const place = placed(x, y);
        if (place !== null && now.current.mouse.left === 'edit') now.current.edit?.('hover', place.frame, place.at);
        setState((old) => ({ ...old, probe, drawing: place === null || old.drawing.draft === null ? old.drawing : draw(old.drawing, { step: 'hover', ...place }) }));
      },
      draw: (tool, stroke, x, y) => {
        const place = placed(x, y);
        if (place !== null && tool === 'edit') now.current.edit?.(stroke, place.frame, place.at);
        else if (place !== null) drawStep({ step: stroke, kind: tool as MeasureKind, value: pane.current?.probe(x, y)?.value ?? null, ...place });
      },
      leave: () => setState((old) => ({ ...old, probe: null })),
    });
  }, [goTo, placed, drawStep]);
  // Another tool in the hand: an angle half drawn is dropped.
  useEffect(() => drawStep({ step: 'drop' }), [left, drawStep]);

  const controls = useMemo<PaneControls>(
    () => ({
      goTo,
      preset: (name) => pane.current?.setWindow(PRESETS[name].window),
      invert: () => pane.current?.setInverted(!(now.current.state.painted?.inverted ?? false)),
      zoomBy: (factor) => pane.current?.zoomBy(factor),
      undoMeasure: () => {
        const place = placed(0, 0);
        if (place !== null) drawStep({ step: 'undo', frame: place.frame });
      },
      reset: () => {
        pane.current?.reset();
        pane.current?.setWindow(PRESETS[now.current.start.preset].window);
      },
    }),
    [goTo, placed, drawStep],
  );
  return [host, state, controls];
}
