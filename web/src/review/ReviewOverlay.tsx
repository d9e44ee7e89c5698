/** A person's outlines over the picture: solid, where the AI's are dashed; the brush; the line being drawn. */
import type { Painted } from '../viewer/cornerstone';
import { useTexts } from '../i18n';
import type { Shape } from './outline';
import { spline } from './outlineTools';
import type { ReviewState } from './useReview';

const pathOf = (shape: Shape) => shape.map((ring) => `M${ring.map(([x, y]) => `${x},${y}`).join('L')}Z`).join('');

export function ReviewOverlay({ review, painted, frame, selected }: { review: ReviewState; painted: Painted; frame: string; selected: number | null }) {
  const { t } = useTexts();
  const { work, trace, cursor, tool, radius } = review;
  if (work === null) return null;
  const [a, b, c, d, e, f] = painted.matrix;
  const here = trace?.frame === frame ? trace : null;
  const items = work.items.flatMap((item) => {
    const shape = item.id === selected && here?.shape != null ? here.shape : item.frames[frame];
    return item.decision === 'rejected' || shape === undefined || shape.length === 0 ? [] : [{ item, shape }];
  });
  const line = here === null ? [] : tool === 'spline' && here.points.length > 2 ? spline(here.points) : here.points;
  const round = tool === 'brush' || tool === 'eraser' || tool === 'sculpt';
  return (
    <svg className="overlay" aria-hidden="true" data-testid="review-overlay">
      <g transform={`matrix(${painted.matrix.join(' ')})`} className={review.editing ? '' : 'review-still'}>
        {items.map(({ item, shape }) => (
          <g key={item.id} className={`review-line${item.id === selected ? ' chosen' : ''}`} data-lesion={item.id}>
            <path d={pathOf(shape)} className="halo" />
            <path d={pathOf(shape)} className="line" fillRule="evenodd" />
          </g>
        ))}
        {line.length > 1 && <path d={`M${line.map(([x, y]) => `${x},${y}`).join('L')}`} className={`review-trace trace-${tool}`} strokeWidth={round ? radius * 2 : undefined} />}
        {review.editing && round && cursor?.frame === frame && <circle cx={cursor.at[0]} cy={cursor.at[1]} r={radius} className={`review-brush brush-${tool}`} />}
      </g>
      {items.map(({ item, shape }) => {
        const top = shape.flat().reduce((best, point) => (point[1] > best[1] ? point : best), shape[0]?.[0] ?? [0, 0]);
        return (
          <text key={item.id} x={a * top[0] + c * top[1] + e} y={b * top[0] + d * top[1] + f + 16} className="review-label">
            {t('review.mine', { n: item.id })}
          </text>
        );
      })}
    </svg>
  );
}
