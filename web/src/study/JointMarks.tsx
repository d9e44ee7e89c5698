/** Radiograph beside CT: each one's marks upon the other, over the picture. */
import type { Painted } from '../viewer/cornerstone';
import type { Frame } from '../viewer/frames';
import { useRead } from '../ui/useRead';
import type { Comparison, JoinedList, Joint } from './joined';
import { jointWith, onFilm, onSlice } from './jointMarks';
import { baseOf, type StudyPictures } from './pictures';

/** What joins this study with the one beside it; null while there is none. */
export function useJointMarks(study: string, beside: StudyPictures | null): Partial<Joint> | null {
  const base = baseOf(study);
  const other = beside?.row.study ?? null;
  const list = useRead<JoinedList>(other === null ? null : `${base}/joined`).data;
  const row = other === null || list === null ? null : jointWith(list.rows, other);
  const whole = useRead<Comparison>(row === null ? null : `${base}/joined/${encodeURIComponent(row.id)}`).data;
  return whole?.task === 'joint' && row !== null ? whole.result : null;
}

const FILMS = new Set(['DX', 'CR', 'DR', 'RG']);

export function JointMarks({ found, modality, painted, frame }: { found: Partial<Joint>; modality: string; painted: Painted; frame: Frame }) {
  const marks = FILMS.has(modality) ? onFilm(found, frame) : onSlice(found, frame);
  if (marks.length === 0) return null;
  const [a, b, c, d, e, f] = painted.matrix;
  return (
    <svg className="overlay" aria-hidden="true" data-testid="joint-marks">
      {marks.map(({ kind, n, ring }) => {
        const seen = ring.map(([x, y]) => [a * x + c * y + e, b * x + d * y + f] as const);
        const top = seen.reduce((best, point) => (point[1] < best[1] ? point : best));
        const name = kind === 'lesion' ? `#${n}` : `R${n}`;
        return (
          <g key={name} data-mark={name}>
            <path className={kind === 'lesion' ? 'mark-lesion' : 'mark-region-place'} d={`M${seen.map((point) => point.join(',')).join('L')}Z`} />
            <text className={`mark-name${kind === 'region' ? ' of-region' : ''}`} x={top[0]} y={top[1] - 5} textAnchor="middle">
              {name}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
