/** Which slice shows a lesion best, and which lesion comes next. Pure. */
import type { Lesion, Outlines } from '../api/types';
import { nearestSlice, type Frame } from './frames';

/** Area inside a closed outline (shoelace), square pixels. */
export function areaOf(points: readonly [number, number][]): number {
  let twice = 0;
  points.forEach(([x, y], index) => {
    const [u, v] = points[(index + 1) % points.length] ?? [x, y];
    twice += x * v - u * y;
  });
  return Math.abs(twice) / 2;
}

/** Slice with the largest outline of the lesion; without outlines the one nearest to its centre. */
export function bestSlice(lesion: Lesion, frames: readonly Frame[], outlines: Outlines | null): number | null {
  const areas = frames.map((frame) => (outlines?.lines[frame.key] ?? []).filter((line) => line.lesion === lesion.id).reduce((sum, line) => sum + areaOf(line.points), 0));
  const largest = Math.max(0, ...areas);
  return largest > 0 ? areas.indexOf(largest) : nearestSlice(frames, lesion.centroid_mm);
}

/** Next (or previous) lesion number after the selected one, going round. */
export function stepLesion(lesions: readonly Lesion[], selected: number | null, by: 1 | -1): number | null {
  if (lesions.length === 0) return null;
  const at = lesions.findIndex((lesion) => lesion.id === selected);
  const to = at < 0 ? (by === 1 ? 0 : lesions.length - 1) : (at + by + lesions.length) % lesions.length;
  return lesions[to]?.id ?? null;
}
