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
      {lines.map((line, index) => {
        const [x, y] = place(topOf(line.points));
        return (
          <text key={index} x={x} y={y - 6} className={line.lesion === selected ? 'ai-label chosen' : 'ai-label'}>
            AI {line.lesion}
          </text>
        );
      })}
    </svg>
  );
}
