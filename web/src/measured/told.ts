/** Numbers of a measurement as the list says them. */
import type { Key, Texts } from '../i18n';
import type { Numbers, Unit } from './kept';

function one(t: Texts['t'], { value, unit }: { value: number; unit: Unit }): string {
  if (unit === 'deg') return `${value.toFixed(1)}°`;
  if (unit === 'px') return t('measure.pixels', { n: value.toFixed(0) });
  if (unit === 'mm-detector') return t('measure.atDetector', { n: value.toFixed(1) });
  if (unit === 'mm') return `${value.toFixed(1)} mm`;
  return `${Math.round(value)}${unit === 'HU' ? ' HU' : ''}`;
}

const AREA: Partial<Record<Unit, Key>> = { mm2: 'measure.area', 'mm2-detector': 'measure.areaAtDetector', px2: 'measure.areaPixels' };

export function told(t: Texts['t'], numbers: Numbers): string[] {
  const { length, angle, value, long_axis: long, short_axis: short, area, mean, sd, min, max } = numbers;
  const lines: string[] = [];
  for (const number of [length, angle, value]) if (number !== undefined) lines.push(one(t, number));
  if (long !== undefined && short !== undefined) lines.push(t('measure.axes', { long: one(t, long), short: one(t, short) }));
  const areaKey = area === undefined ? undefined : AREA[area.unit];
  if (area !== undefined && areaKey !== undefined) lines.push(t(areaKey, { n: area.value.toFixed(area.unit === 'px2' ? 0 : 1) }));
  if (mean !== undefined && sd !== undefined) lines.push(t('measure.mean', { mean: mean.value.toFixed(1), sd: sd.value.toFixed(1), unit: mean.unit === 'HU' ? ' HU' : '' }));
  if (min !== undefined && max !== undefined) lines.push(t('measure.range', { min: Math.round(min.value), max: Math.round(max.value), unit: min.unit === 'HU' ? ' HU' : '' }));
  return lines;
}
