/** Decoded slices for cutting on other planes; with `cornerstone.ts` the only module that knows Cornerstone3D. */
import { cache } from '@cornerstonejs/core';
import { ColourSlice } from '../volume/load';
import type { Slice } from '../volume/reslice';
import { preload } from './cornerstone';
import { paddingOf, type FrameSource } from './frames';

/** A slice's own decoded pixels, held by reference: what the stack has shown already costs nothing again. */
export async function decodedSlice(source: FrameSource): Promise<Slice> {
  await preload([source]);
  const image = cache.getImage(source.frame.imageId);
  if (image === undefined) throw new Error('decoded, and gone from the cache');
  if (image.color) throw new ColourSlice();
  const scaled = image.preScale?.scaled === true;
  const padding = paddingOf(source.metadata);
  // Padding is said of stored values; where the decoder has scaled them already, so is it.
  const moved = padding === null || !scaled ? padding : ([padding[0] * image.slope + image.intercept, padding[1] * image.slope + image.intercept] as const);
  return { stored: image.getPixelData(), slope: scaled ? 1 : image.slope, intercept: scaled ? 0 : image.intercept, padding: moved };
}
