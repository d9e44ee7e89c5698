/** One plane through the volume: cut and painted by the processor, so that it looks the same on every PC. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { OutlineLine } from '../api/types';
import { useTexts } from '../i18n';
import { fixed } from '../ui/format';
import { attachMouse, MOUSE, type Tool } from '../viewer/interaction';
import { pathOf } from '../viewer/Overlay';
import { draggedWindow } from '../viewer/presets';
import { indexAt, patientAt, type Vector } from './grid';
import { barOf, fromSection, layersOf, lettersAt, pixelOf, placing, planeOf, toSection, voxelUnder, wayDown, type Mpr, type MprStep, type Placing } from './mpr';
import { painted } from './paint';
import { between, cut, lieOf, PLANES, sampled, voxel, type Lie, type PlaneName, type Section, type Volume } from './reslice';

/** A second scan shown in colour on the first. */
export interface Hot {
  volume: Volume;
  /** From the first scan's patient space to the second's. */
  toOther: (point: Vector) => Vector;
  low: number;
  high: number;
  blend: number;
  unit: string;
}

export interface PlaneProps {
  volume: Volume;
  plane: PlaneName;
  state: Mpr;
  step: (step: MprStep) => void;
  left: Tool;
  hot: Hot | null;
  unit: string;
  /** Outlines on the slice, by its place in the stack; none on other planes. */
  linesAt: (k: number) => readonly OutlineLine[];
  selected: number | null;
  /** The number of a slice in its series, from one. */
  numberOf: (k: number) => number;
  /** Patient and series, upper left. */
  title: readonly string[];
}

const ZOOM_PER_PX = 1.006;
const SCROLL_PX = 6;
const CLICK_PX = 4;
const FAST_PART = 20;

/** What a held left button does here: what would measure on an original slice moves the crossing point instead. */
function leftHere(tool: Tool): Tool {
  return tool === 'window' || tool === 'pan' || tool === 'zoom' || tool === 'scroll' ? tool : 'probe';
}

function useSize(host: React.RefObject<HTMLDivElement | null>): [number, number] {
  const [size, setSize] = useState<[number, number]>([1, 1]);
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setSize([Math.max(1, element.clientWidth), Math.max(1, element.clientHeight)]));
    observer.observe(element);
    return () => observer.disconnect();
  }, [host]);
  return size;
}

/** The section at its own size; drawing it into the pane scales it. */
function pictureOf(section: Section, state: Pick<Mpr, 'window' | 'inverted'>, hot: Hot | null, tint: Float32Array | null): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = section.width;
  canvas.height = section.height;
  const pixels = painted(section.values, state.window, state.inverted, hot === null || tint === null ? null : { values: tint, low: hot.low, high: hot.high, blend: hot.blend });
  canvas.getContext('2d')?.putImageData(new ImageData(pixels, section.width, section.height), 0, 0);
  return canvas;
}

function draw(canvas: HTMLCanvasElement, picture: HTMLCanvasElement, place: Placing, [width, height]: readonly [number, number]): void {
  const dots = window.devicePixelRatio;
  canvas.width = Math.round(width * dots);
  canvas.height = Math.round(height * dots);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.setTransform(dots, 0, 0, dots, 0, 0);
  context.fillStyle = '#000';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, place.left, place.top, picture.width * place.pixel[0], picture.height * place.pixel[1]);
}

interface Pointing {
  voxel: Vector;
  value: number;
  hot: number;
}

/** What the pane shows, worked out again only when it changes. */
function usePicture({ volume, plane, state, hot }: PlaneProps, size: readonly [number, number]) {
  const { grid } = volume;
  const lie = useMemo(() => lieOf(grid, plane), [grid, plane]);
  // A slab of the CT with one layer of the PET would mix what does not belong together.
  const projection = hot === null ? state.projection : 'slice';
  const [from, to] = layersOf(grid, lie, { ...state, projection });
  const { window, inverted } = state;
  const layer = state.cross[lie.through];
  const section = useMemo(() => cut(volume, lie, [from, to], projection), [volume, lie, from, to, projection]);
  const other = hot?.volume;
  const toOther = hot?.toOther;
  const tint = useMemo(() => (other === undefined || toOther === undefined ? null : sampled(other, planeOf(grid, lie, layer), toOther)), [other, toOther, grid, lie, layer]);
  const picture = useMemo(() => pictureOf(section, { window, inverted }, hot, tint), [section, window, inverted, hot, tint]);
  const place = placing([section.width, section.height], section.pixelMm, size, state.looks[plane]);
  return { lie, from, to, layer, section, projection, picture, place };
}

function Lines({ volume, lie, place, lines, selected, layer }: { volume: Volume; lie: Lie; place: Placing; lines: readonly OutlineLine[]; selected: number | null; layer: number }) {
  const at = ([column, row]: readonly [number, number]) => fromSection(place, pixelOf(volume.grid, lie, [column, row, layer]));
  return (
    <>
      {lines.map((line, index) => {
        const points = line.points.map(at);
        const [x, y] = points.reduce((best, point) => (point[1] < best[1] ? point : best), points[0] ?? [0, 0]);
        return (
          <g key={index} className={`ai-line${line.lesion === selected ? ' chosen' : ''}`}>
            <path d={pathOf(points)} className="halo" />
            <path d={pathOf(points)} className="dash" />
            <text x={x} y={y - 6} className="ai-label">{`AI ${line.lesion}`}</text>
          </g>
        );
      })}
    </>
  );
}

/** Where the other two planes cut this one; the middle is left free for what is looked at. */
function Crossing({ props, lie, place, size }: { props: PlaneProps; lie: Lie; place: Placing; size: readonly [number, number] }) {
  const [x, y] = fromSection(place, pixelOf(props.volume.grid, lie, props.state.cross));
  const of = (axis: 0 | 1 | 2) => PLANES.find((plane) => lieOf(props.volume.grid, plane).through === axis) ?? 'axial';
  const gap = 14;
  return (
    <g className="crossing" data-testid={`crossing-${props.plane}`} data-x={Math.round(x)} data-y={Math.round(y)}>
      <path className={`cut-${of(lie.right)}`} d={`M${x},0V${y - gap}M${x},${y + gap}V${size[1]}`} />
      <path className={`cut-${of(lie.down)}`} d={`M0,${y}H${x - gap}M${x + gap},${y}H${size[0]}`} />
    </g>
  );
}

function useHand(host: React.RefObject<HTMLDivElement | null>, props: PlaneProps, lie: Lie, place: Placing, point: (at: Vector | null) => void): void {
  const now = useRef({ props, lie, place, point });
  // Before the next key or stroke: an ordinary effect may run only after it.
  useLayoutEffect(() => {
    now.current = { props, lie, place, point };
  });
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const under = (x: number, y: number): Vector => {
      const { props: here, lie: way, place: where } = now.current;
      return voxelUnder(here.volume.grid, way, here.state.cross, toSection(where, [x, y]));
    };
    let from = { window: { width: 1, centre: 0 }, layer: 0 };
    let pressed: [number, number] | null = null;
    const off = attachMouse(element, () => ({ ...MOUSE, left: leftHere(now.current.props.left) }), {
      begin: () => {
        const { props: here, lie: way } = now.current;
        from = { window: here.state.window, layer: here.state.cross[way.through] };
      },
      move: (tool, total, moved) => {
        const { step, plane } = now.current.props;
        if (tool === 'window') step({ step: 'window', window: draggedWindow(from.window, total[0], total[1]) });
        else if (tool === 'pan') step({ step: 'pan', plane, by: moved });
        else if (tool === 'zoom') step({ step: 'zoom', plane, factor: ZOOM_PER_PX ** -moved[1] });
        else step({ step: 'layer', plane, to: from.layer + Math.round(total[1] / SCROLL_PX) });
      },
      draw: (_tool, stroke, x, y) => {
        if (stroke !== 'release') now.current.props.step({ step: 'cross', at: under(x, y) });
      },
      wheel: (notches, fast) => {
        const { props: here, lie: way } = now.current;
        const layers = here.volume.grid.size[way.through];
        here.step({ step: 'layer', plane: here.plane, to: here.state.cross[way.through] + notches * (fast ? Math.max(1, Math.round(layers / FAST_PART)) : 1) * wayDown(here.volume.grid, here.plane) });
      },
      hover: (x, y) => now.current.point(under(x, y)),
      leave: () => now.current.point(null),
    });
    // A click is no drag: it says where the other planes shall cut.
    const down = (event: PointerEvent) => {
      pressed = event.button === 0 ? [event.clientX, event.clientY] : null;
    };
    const up = (event: PointerEvent) => {
      if (pressed === null || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > CLICK_PX) return;
      const box = element.getBoundingClientRect();
      now.current.props.step({ step: 'cross', at: under(event.clientX - box.left, event.clientY - box.top) });
    };
    element.addEventListener('pointerdown', down);
    element.addEventListener('pointerup', up);
    return () => {
      off();
      element.removeEventListener('pointerdown', down);
      element.removeEventListener('pointerup', up);
    };
  }, [host]);
}

const shown = (value: number, digits: number) => (Number.isNaN(value) ? '—' : fixed(value, digits));

export function PlanePane(props: PlaneProps) {
  const { volume, plane, state, step, hot, unit } = props;
  const { t } = useTexts();
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(host);
  const { lie, from, to, layer, section, projection, picture, place } = usePicture(props, size);
  const [over, setOver] = useState<Vector | null>(null);
  useHand(host, props, lie, place, setOver);
  useEffect(() => {
    if (canvas.current !== null) draw(canvas.current, picture, place, size);
  });
  const edges = lettersAt(volume.grid, lie);
  const pointing: Pointing | null = over === null ? null : pointed(volume, hot, over, section, projection === 'slice' ? null : pixelOf(volume.grid, lie, over));
  const bar = barOf(place.scale, size[0] / 3);
  const positions = patientAt(volume.grid, state.cross);
  const axis = plane === 'axial' ? 2 : plane === 'coronal' ? 1 : 0;
  return (
    <section className={`viewport plane plane-${plane}${state.active === plane ? ' active' : ''}`} aria-label={t(`mpr.${plane}`)} data-testid={`plane-${plane}`} data-layer={layer} data-layers={`${from}-${to}`} onPointerDownCapture={() => step({ step: 'activate', plane })}>
      <canvas ref={canvas} className="plane-canvas" />
      <div className="pane" ref={host} data-testid={`pane-${plane}`} />
      <svg className="overlay" aria-hidden="true">
        <Crossing props={props} lie={lie} place={place} size={size} />
        {lie.through === 2 && from === to && <Lines volume={volume} lie={lie} place={place} lines={props.linesAt(layer)} selected={props.selected} layer={layer} />}
        <g className="scale-bar" data-testid={`bar-${plane}`} data-mm={bar.mm} data-px={bar.px.toFixed(2)}>
          <path d={`M${size[0] - 12},${size[1] - (projection === 'slice' ? 76 : 92)}h${-bar.px}m0,-4v8m${bar.px},-8v8`} />
          <text x={size[0] - 12 - bar.px / 2} y={size[1] - (projection === 'slice' ? 82 : 98)}>{`${bar.mm} mm`}</text>
        </g>
      </svg>
      <div className="corner top left">
        <b>{t(`mpr.${plane}`)}</b>
        {props.title.map((line, at) => (
          <div key={at}>{line}</div>
        ))}
      </div>
      <div className="corner bottom left num" data-testid={`probe-${plane}`}>
        {pointing !== null && `${pointing.voxel.map((value) => fixed(value, 1)).join('  ')} mm`}
        <br />
        {pointing !== null && `${shown(pointing.value, 0)}${unit}${hot === null ? '' : ` · ${hot.unit} ${shown(pointing.hot, 2)}`}`}
      </div>
      <div className="corner bottom right num">
        {t('viewer.windowShort')} {Math.round(state.window.width)} / {Math.round(state.window.centre)}
        {state.inverted && ` · ${t('viewer.inverted')}`}
        <br />
        {projection !== 'slice' && (
          <>
            {t(`mpr.${projection}`)} {fixed((to - from + 1) * volume.grid.spacingMm[lie.through], 1)} mm
            <br />
          </>
        )}
        {t('viewer.position')} {fixed(positions[axis], 1)} mm
        <br />
        <b>
          {lie.through === 2 ? props.numberOf(layer) : layer + 1} / {volume.grid.size[lie.through]}
        </b>
      </div>
      <span className="edge edge-l">{edges.left}</span>
      <span className="edge edge-r">{edges.right}</span>
      <span className="edge edge-t">{edges.top}</span>
      <span className="edge edge-b">{edges.bottom}</span>
    </section>
  );
}

/** The value under the hand: of the voxel, or of the slab's picture where one is shown. */
function pointed(volume: Volume, hot: Hot | null, over: Vector, section: Section, pixel: readonly [number, number] | null): Pointing {
  const [i, j, k] = over.map(Math.round) as [number, number, number];
  const at = patientAt(volume.grid, [i, j, k]);
  const [column, row] = (pixel ?? [0, 0]).map(Math.round) as [number, number];
  const within = column >= 0 && row >= 0 && column < section.width && row < section.height;
  return { voxel: at, value: pixel === null ? voxel(volume, i, j, k) : within ? (section.values[row * section.width + column] ?? NaN) : NaN, hot: hot === null ? NaN : between(hot.volume, indexAt(hot.volume.grid, hot.toOther(at))) };
}
