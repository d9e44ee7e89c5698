/** A magnifier: the pixels of the original around the hand, in the window of the picture, not the screen's pixels made bigger. */
import { useEffect, useRef } from 'react';
import type { Painted } from './cornerstone';
import { toImage, type Point } from './measure';
import type { Sampler } from './readings';

const SIZE = 220;
/** Screen pixels per image pixel at least; a picture already larger than this is made half as large again. */
const LEAST_SCALE = 3;
const MORE = 1.5;

/** Grey of a value in a window, 0…255 (linear, DICOM PS3.3 C.11.2.1.2.1). */
export function greyOf(value: number, width: number, centre: number, inverted: boolean): number {
  const part = width <= 1 ? (value <= centre - 0.5 ? 0 : 1) : (value - (centre - 0.5)) / (width - 1) + 0.5;
  const grey = Math.round(255 * Math.min(1, Math.max(0, part)));
  return inverted ? 255 - grey : grey;
}

export function Loupe({ at, painted, pixels }: { at: Point; painted: Painted; pixels: Sampler }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const drawn = canvas.current?.getContext('2d');
    if (drawn === null || drawn === undefined) return;
    const larger = Math.max(LEAST_SCALE / painted.scale, MORE);
    const { width, centre } = painted.window;
    const picture = drawn.createImageData(SIZE, SIZE);
    for (let y = 0; y < SIZE; y += 1) {
      for (let x = 0; x < SIZE; x += 1) {
        const place: Point = [at[0] + (x - SIZE / 2) / larger, at[1] + (y - SIZE / 2) / larger];
        const [column, row] = toImage(painted.matrix, place).map(Math.round) as Point;
        const there = column >= 0 && row >= 0 && column < pixels.columns && row < pixels.rows;
        const value = there ? pixels.at(column, row) : null;
        const grey = value === null ? 0 : greyOf(value, width, centre, painted.highIsDark);
        picture.data.set([grey, grey, grey, 255], 4 * (y * SIZE + x));
      }
    }
    drawn.putImageData(picture, 0, 0);
  }, [at, painted, pixels]);
  return <canvas ref={canvas} className="loupe" width={SIZE} height={SIZE} style={{ left: at[0] - SIZE / 2, top: at[1] - SIZE / 2 }} data-testid="loupe" aria-hidden="true" />;
}
