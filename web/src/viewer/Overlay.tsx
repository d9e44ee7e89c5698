/** AI outlines over the picture: dashed and numbered, read-only; the picture is never waited for. */
import type { OutlineLine } from '../api/types';
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

/** One label for a lesion, however many outlines it has here: above its highest point. */
export function labelsOf(lines: readonly OutlineLine[]): { lesion: number; at: [number, number] }[] {
  const labels = new Map<number, [number, number]>();
  for (const line of lines) {
    const top = topOf(line.points);
    const known = labels.get(line.lesion);
    if (known === undefined || top[1] < known[1]) labels.set(line.lesion, top);
  }
  return [...labels].map(([lesion, at]) => ({ lesion, at }));
}

export function Overlay({ painted, columns, rows, lines, selected, heatmap, onHeatMissing }: Props) {
  const [a, b, c, d, e, f] = painted.matrix;
  const place = ([x, y]: [number, number]): [number, number] => [a * x + c * y + e, b * x + d * y + f];
  return (
    <svg className="overlay" aria-hidden="true" data-testid="overlay">
      <g transform={`matrix(${painted.matrix.join(' ')})`}>
        {heatmap !== null && <image href={heatmap} x={-0.5} y={-0.5} width={columns} height={rows} preserveAspectRatio="none" className="heat" onError={onHeatMissing} />}
        {lines.map((line, index) => (
          <g key={index} className={line.lesion === selected ? 'ai-line chosen' : 'ai-line'}>
            <path d={pathOf(line.points)} className="halo" />
            <path d={pathOf(line.points)} className="dash" />
          </g>
        ))}
      </g>
      {labelsOf(lines).map(({ lesion, at }) => {
        const [x, y] = place(at);
        return (
          <text key={lesion} x={x} y={y - 6} className={lesion === selected ? 'ai-label chosen' : 'ai-label'}>
            AI {lesion}
          </text>
        );
      })}
    </svg>
  );
}
