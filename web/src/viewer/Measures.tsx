/** Measurements over the picture, in their own colour: what a reader drew, with its numbers. */
import { useMemo } from 'react';
import { disagreements, isSame, numbersOf, type Foreign, type Kept } from '../measured/kept';
import { told as toldNumbers } from '../measured/told';
import type { KeptDrawings } from '../measured/useMeasured';
import { useTexts } from '../i18n';
import type { Painted } from './cornerstone';
import type { Frame } from './frames';
import { toPane, type Drawing, type Measure, type Point } from './measure';
import { angleOf, areaOf, lengthOf, statisticsOf, type Reading, type Sampler } from './readings';

/** Unit of the pixels' values; empty where the file gives them none. */
export function valueUnit(modality: string): string {
  return modality === 'CT' ? ' HU' : '';
}

type Say = (measure: Pick<Measure, 'kind' | 'points' | 'text'>, frame: Frame, modality: string, pixels: Sampler | null) => string[];

function useReading(): Say {
  const { t } = useTexts();
  return useMemo(() => {
    const told = ({ number, unit }: Reading, digits = 1) =>
      unit === 'deg' ? `${number.toFixed(1)}°` : unit === 'px' ? t('measure.pixels', { n: number.toFixed(0) }) : unit === 'mm' ? `${number.toFixed(digits)} mm` : t('measure.atDetector', { n: number.toFixed(digits) });
    const region: Say = (measure, frame, modality, pixels) => {
      const area = areaOf(measure, frame);
      const statistics = pixels === null ? null : statisticsOf(measure, pixels);
      const unit = valueUnit(modality);
      const lines = area === null ? [] : [area.unit === 'px' ? t('measure.areaPixels', { n: area.number.toFixed(0) }) : t(area.unit === 'mm' ? 'measure.area' : 'measure.areaAtDetector', { n: area.number.toFixed(1) })];
      if (statistics === null) return [...lines, t('measure.noValues')];
      const { mean, deviation, min, max } = statistics;
      return [...lines, t('measure.mean', { mean: mean.toFixed(1), sd: deviation.toFixed(1), unit }), t('measure.range', { min: Math.round(min), max: Math.round(max), unit })];
    };
    return (measure, frame, modality, pixels) => {
      const { points } = measure;
      switch (measure.kind) {
        case 'probe': {
          const [column, row] = (points[0] ?? [0, 0]).map(Math.round) as Point;
          const value = pixels !== null && column >= 0 && row >= 0 && column < pixels.columns && row < pixels.rows ? pixels.at(column, row) : null;
          return [value === null ? '—' : `${Math.round(value)}${valueUnit(modality)}`];
        }
        case 'length':
          return [told(lengthOf(points, frame))];
        case 'angle':
          return [told(angleOf(points, frame))];
        case 'bidirectional':
          return [t('measure.axes', { long: told(lengthOf(points.slice(0, 2), frame)), short: told(lengthOf(points.slice(2, 4), frame)) })];
        case 'arrow':
          return measure.text === '' ? [] : [measure.text];
        default:
          return region(measure, frame, modality, pixels);
      }
    };
  }, [t]);
}

const joined = (points: readonly Point[]) => `M${points.map(([x, y]) => `${x},${y}`).join('L')}`;

/** Corners of a rectangle and points of an ellipse go through the matrix, so that they turn with the picture. */
const AROUND = 48;
function outline(kind: Measure['kind'], points: readonly Point[]): readonly Point[] {
  const [a, b] = points;
  if (a === undefined || b === undefined) return points;
  if (kind === 'rectangle') return [a, [b[0], a[1]], b, [a[0], b[1]]];
  const [cx, cy, rx, ry] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, Math.abs(b[0] - a[0]) / 2, Math.abs(b[1] - a[1]) / 2];
  return Array.from({ length: AROUND }, (_, n) => [cx + rx * Math.cos((2 * Math.PI * n) / AROUND), cy + ry * Math.sin((2 * Math.PI * n) / AROUND)]);
}

const HEAD_PX = 11;
/** Two strokes that end at the tip, which is the first point. */
function arrowHead([tip, tail]: readonly Point[]): string {
  if (tip === undefined || tail === undefined) return '';
  const angle = Math.atan2(tail[1] - tip[1], tail[0] - tip[0]);
  const barb = (turn: number): Point => [tip[0] + HEAD_PX * Math.cos(angle + turn), tip[1] + HEAD_PX * Math.sin(angle + turn)];
  return joined([barb(0.45), tip, barb(-0.45)]);
}

function pathOf(kind: Measure['kind'], points: readonly Point[], place: (point: Point) => Point): string {
  const placed = points.map(place);
  if (kind === 'probe') return '';
  if (kind === 'rectangle' || kind === 'ellipse') return `${joined(outline(kind, points).map(place))}Z`;
  if (kind === 'contour') return `${joined(placed)}Z`;
  if (kind === 'bidirectional' && placed.length === 4) return joined(placed.slice(0, 2)) + joined(placed.slice(2));
  return joined(placed) + (kind === 'arrow' ? arrowHead(placed) : '');
}

/** Where the numbers stand: beside the lowest right-hand point. */
function textAt(placed: readonly Point[], kind: Measure['kind']): Point {
  if (kind === 'arrow') return placed[1] ?? [0, 0];
  return placed.reduce((best, point) => (point[0] + point[1] > best[0] + best[1] ? point : best), placed[0] ?? [0, 0]);
}

const LINE_PX = 17;

function Shape({ measure, painted, lines, chosen, foreign, apart }: { measure: Pick<Measure, 'kind' | 'points'>; painted: Painted; lines: readonly string[]; chosen: boolean; foreign?: boolean; apart?: readonly string[] }) {
  const place = (point: Point) => toPane(painted.matrix, point);
  const path = pathOf(measure.kind, measure.points, place);
  const placed = measure.points.map(place);
  // What is somebody else's has nothing to take hold of; a probed point is its own mark.
  const handles = measure.kind === 'contour' || (foreign === true && measure.kind !== 'probe') ? [] : placed;
  const [x, y] = textAt(placed, measure.kind);
  return (
    <g className={`measure${chosen ? ' chosen' : ''}${foreign === true ? ' foreign' : ''}`} data-testid={foreign === true ? 'foreign-measure' : `measure-${measure.kind}`}>
      {path !== '' && (
        <>
          <path d={path} className="halo" />
          <path d={path} className="line" />
        </>
      )}
      {handles.map(([hx, hy], index) => (
        <path key={index} d={`M${hx - 5},${hy}h10M${hx},${hy - 5}v10`} className="line" />
      ))}
      <text x={x + 9} y={y - 7}>
        {lines.map((line, index) => (
          <tspan key={index} x={x + 9} dy={index === 0 ? 0 : LINE_PX}>
            {line}
          </tspan>
        ))}
        {apart?.map((line) => (
          <tspan key={line} className="apart" x={x + 9} dy={LINE_PX}>
            {line}
          </tspan>
        ))}
      </text>
    </g>
  );
}

/** What the server says of one's own drawing where it says something else than the page. */
function useApart() {
  const { t } = useTexts();
  return (measure: Measure, kept: Kept | undefined, frame: Frame, modality: string, pixels: Sampler | null): string[] => {
    if (kept === undefined || !isSame(measure, kept)) return [];
    const names = disagreements(numbersOf(measure, frame, pixels, modality === 'CT' ? 'HU' : ''), kept.numbers);
    return names.length === 0 ? [] : toldNumbers(t, kept.numbers).map((number) => `≠ ${t('measured.server', { number })}`);
  };
}

/** Others' drawings: their own line, their author's name, nothing to take hold of. */
function Others({ others, painted, frame }: { others: readonly Foreign[]; painted: Painted; frame: Frame }) {
  const { t } = useTexts();
  const here = others.filter((one) => one.frame === frame.key);
  return here.map((one) => <Shape key={one.id} measure={one} painted={painted} lines={[one.name, ...toldNumbers(t, one.numbers), one.text].filter((line) => line !== '')} chosen={false} foreign />);
}

interface Props {
  drawing: Drawing;
  kept?: KeptDrawings;
  painted: Painted;
  frame: Frame;
  modality: string;
  pixels: Sampler | null;
}

export function Measures({ drawing, kept, painted, frame, modality, pixels }: Props) {
  const say = useReading();
  const here = useMemo(() => drawing.done.filter((one) => one.frame === frame.key), [drawing.done, frame.key]);
  // Numbers are counted anew when the shape or the picture changes, not when the window does.
  const told = useMemo(() => new Map(here.map((one) => [one.id, say(one, frame, modality, pixels)])), [here, say, frame, modality, pixels]);
  const apartOf = useApart();
  const apart = useMemo(() => new Map(here.map((one) => [one.id, apartOf(one, kept?.own.get(one.id), frame, modality, pixels)])), [here, apartOf, kept, frame, modality, pixels]);
  const { draft } = drawing;
  return (
    <svg className="overlay" data-testid="measures">
      {kept !== undefined && <Others others={kept.others} painted={painted} frame={frame} />}
      {here.map((one) => (
        <Shape key={one.id} measure={one} painted={painted} lines={told.get(one.id) ?? []} chosen={one.id === drawing.selected} apart={apart.get(one.id)} />
      ))}
      {draft !== null && draft.frame === frame.key && <Shape measure={draft} painted={painted} lines={draft.kind === 'contour' ? [] : say({ ...draft, text: '' }, frame, modality, null)} chosen />}
    </svg>
  );
}
