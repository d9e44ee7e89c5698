/** From values to grey and colour. Pure. */
import type { Window } from '../viewer/presets';

/** Grey of a value in a window, 0…255 (PS3.3 C.11.2.1.2.1, linear exact); black where there is no picture. */
export function greyOf(value: number, { width, centre }: Window, inverted: boolean): number {
  if (Number.isNaN(value)) return 0;
  const part = Math.min(1, Math.max(0, (value - centre) / width + 0.5));
  return Math.round(255 * (inverted ? 1 - part : part));
}

/** Colour of a share 0…1 of a hot-iron scale (PS3.6 B.1 "Hot Iron"): black, red, yellow, white. */
export function hotIron(share: number): [number, number, number] {
  const at = Math.min(1, Math.max(0, share)) * 255;
  return [Math.min(255, at * 2), Math.min(255, Math.max(0, (at - 127.5) * 2)), Math.min(255, Math.max(0, (at - 191.25) * 4))].map(Math.round) as [number, number, number];
}

/** The palette stops before white, which is bone's colour; the appliance's fused pictures do the same. */
export const BEFORE_WHITE = 0.8;

/** Weight of the colour: low uptake covers the grey less than high uptake does, until at the end of the scale only colour is left. */
export function weightOf(share: number, blend: number): number {
  const rise = Math.min(1, Math.max(0, 2 * share));
  return blend * (rise + (1 - rise) * blend);
}

/** A second scan in colour upon the grey: `values` on the same pixels, shown from `low` to `high`, mixed in by `blend` (0 none … 1 alone). */
export interface Tint {
  values: Float32Array;
  low: number;
  high: number;
  blend: number;
}

/** RGBA pixels of a section. */
export function painted(values: Float32Array, window: Window, inverted: boolean, tint: Tint | null = null): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(values.length * 4);
  for (let at = 0; at < values.length; at += 1) {
    const grey = greyOf(values[at] ?? NaN, window, inverted);
    const hot = tint?.values[at] ?? NaN;
    const to = at * 4;
    if (tint === null || Number.isNaN(hot)) out[to] = out[to + 1] = out[to + 2] = grey;
    else {
      const share = (hot - tint.low) / (tint.high - tint.low);
      const colour = hotIron(BEFORE_WHITE * Math.min(1, Math.max(0, share)));
      const weight = weightOf(share, tint.blend);
      for (let channel = 0; channel < 3; channel += 1) out[to + channel] = Math.round(grey * (1 - weight) + (colour[channel] ?? 0) * weight);
    }
    out[to + 3] = 255;
  }
  return out;
}
