/** AI outlines over the picture: dashed and numbered, read-only; the picture is never waited for. */
import type { OutlineLine } from '../api/types';
import { useTexts } from '../i18n';
import type { Painted } from './cornerstone';

interface Props {
  painted: Painted;
  columns: number;
  rows: number;
  lines: readonly OutlineLine[];
  selected: number | null;
  heatmap: string | null;
  onHeatMissing: () => void;
}

/** Closed path through pixel centres. */
export function pathOf(points: readonly [number, number][]): string {
  return points.length === 0 ? '' : `M${points.map(([x, y]) => `${x},${y}`).join('L')}Z`;
}

function topOf(points: readonly [number, number][]): [number, number] {
  return points.reduce((best, point) => (point[1] < best[1] ? point : best), points[0] ?? [0, 0]);
}

type Source = NonNullable<OutlineLine['source']>;
/** Result sets differ by line style as well as by colour. */
const SET_CLASS: Record<Source, string> = { ai: 'ai-line', county: 'ai-line county-line' };

const bottomOf = (points: readonly [number, number][]): [number, number] => points.reduce((best, point) => (point[1] > best[1] ? point : best), points[0] ?? [0, 0]);

/** One label for a lesion of a result set, however many outlines it has here: the AI's above, the county's below. */
export function labelsOf(lines: readonly OutlineLine[]): { lesion: number; source: Source; set?: string; at: [number, number] }[] {
  const labels = new Map<string, { lesion: number; source: Source; set?: string; at: [number, number] }>();
  for (const line of lines) {
    const source = line.source ?? 'ai';
    const at = source === 'ai' ? topOf(line.points) : bottomOf(line.points);
    const key = `${source} ${line.set ?? ''} ${line.lesion}`;
    const known = labels.get(key);
    if (known === undefined || (source === 'ai' ? at[1] < known.at[1] : at[1] > known.at[1])) labels.set(key, { lesion: line.lesion, source, ...(line.set === undefined ? {} : { set: line.set }), at });
  }
  return [...labels.values()];
}

export function Overlay({ painted, columns, rows, lines, selected, heatmap, onHeatMissing }: Props) {
  const { t } = useTexts();
  const [a, b, c, d, e, f] = painted.matrix;
  const place = ([x, y]: [number, number]): [number, number] => [a * x + c * y + e, b * x + d * y + f];
  return (
    <svg className="overlay" aria-hidden="true" data-testid="overlay">
      <g transform={`matrix(${painted.matrix.join(' ')})`}>
        {heatmap !== null && <image href={heatmap} x={-0.5} y={-0.5} width={columns} height={rows} preserveAspectRatio="none" className="heat" onError={onHeatMissing} />}
        {lines.map((line, index) => (
          <g key={index} className={`${SET_CLASS[line.source ?? 'ai']}${line.nth === undefined ? '' : ` set-line-${line.nth % 3}`}${line.lesion === selected ? ' chosen' : ''}`}>
            <path d={pathOf(line.points)} className="halo" />
            <path d={pathOf(line.points)} className="dash" />
          </g>
        ))}
      </g>
      {labelsOf(lines).map(({ lesion, source, set, at }) => {
        const [x, y] = place(at);
        return (
          <text key={`${source}-${set ?? ''}-${lesion}`} x={x} y={source === 'ai' ? y - 6 : y + 17} className={`ai-label label-${source}${lesion === selected ? ' chosen' : ''}`}>
            {source === 'ai' ? `AI ${lesion}` : set === undefined ? t('overlay.county', { n: lesion }) : `${set} ${lesion}`}
          </text>
        );
      })}
    </svg>
  );
}
