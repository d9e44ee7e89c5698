/** Measurements over the picture, in their own colour; they are the reader's own and are not sent. */
import { useTexts } from '../i18n';
import type { Painted } from './cornerstone';
import type { Frame } from './frames';
import { angleOf, lengthOf, toPane, type Drawing, type Measure } from './measure';

function useReading(): (measure: Measure, frame: Frame, modality: string) => string {
  const { t } = useTexts();
  return (measure, frame, modality) => {
    if (measure.kind === 'probe') return measure.value === null ? '—' : `${Math.round(measure.value)}${modality === 'CT' ? ' HU' : ''}`;
    const { number, unit } = measure.kind === 'length' ? lengthOf(measure.points, frame) : angleOf(measure.points, frame);
    if (unit === 'deg') return `${number.toFixed(1)}°`;
    if (unit === 'px') return t('measure.pixels', { n: number.toFixed(0) });
    return unit === 'mm' ? `${number.toFixed(1)} mm` : t('measure.atDetector', { n: number.toFixed(1) });
  };
}

function Shape({ measure, painted, text }: { measure: Measure; painted: Painted; text: string }) {
  const points = measure.points.map((point) => toPane(painted.matrix, point));
  const last = points.at(-1) ?? [0, 0];
  const path = `M${points.map(([x, y]) => `${x},${y}`).join('L')}`;
  return (
    <g className="measure" data-testid={`measure-${measure.kind}`}>
      {measure.kind !== 'probe' && (
        <>
          <path d={path} className="halo" />
          <path d={path} className="line" />
        </>
      )}
      {points.map(([x, y], index) => (
        <path key={index} d={`M${x - 5},${y}h10M${x},${y - 5}v10`} className="line" />
      ))}
      <text x={last[0] + 9} y={last[1] - 7}>
        {text}
      </text>
    </g>
  );
}

export function Measures({ drawing, painted, frame, modality }: { drawing: Drawing; painted: Painted; frame: Frame; modality: string }) {
  const reading = useReading();
  const shapes: Measure[] = [...(drawing.done[frame.key] ?? [])];
  if (drawing.draft !== null && drawing.draft.frame === frame.key) shapes.push({ ...drawing.draft, value: null });
  return (
    <svg className="overlay" data-testid="measures">
      {shapes.map((measure, index) => (
        <Shape key={index} measure={measure} painted={painted} text={reading(measure, frame, modality)} />
      ))}
    </svg>
  );
}
