/** What draws pictures on this PC: a graphics card, or the processor where the card is missing or only imitated. */

export interface Graphics {
  /** A card draws: not a program that imitates one. */
  card: boolean;
  /** The name the browser gives; "" where it says nothing. */
  name: string;
}

export const CHOICES = ['auto', 'card', 'processor'] as const;
/** Of this PC, not of a person: the next reader at it has the same card. */
export type Choice = (typeof CHOICES)[number];

const KEPT = 'xinglin.draw';
const IMITATED = /swiftshader|llvmpipe|software|basic render/i;

export function nameOf(context: WebGLRenderingContext | WebGL2RenderingContext | null): string {
  const info = context?.getExtension('WEBGL_debug_renderer_info');
  return context === null || info == null ? '' : String(context.getParameter(info.UNMASKED_RENDERER_WEBGL));
}

/** Some browsers hide that a program draws; its name gives it away. */
export const isImitated = (name: string): boolean => IMITATED.test(name);

export function graphics(): Graphics {
  const context = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  const name = nameOf(context);
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return { card: context !== null && !isImitated(name), name };
}

export function choice(): Choice {
  try {
    const kept = window.localStorage.getItem(KEPT);
    return CHOICES.find((one) => one === kept) ?? 'auto';
  } catch {
    return 'auto'; // a browser that keeps nothing
  }
}

export function choose(next: Choice): void {
  try {
    if (next === 'auto') window.localStorage.removeItem(KEPT);
    else window.localStorage.setItem(KEPT, next);
  } catch {
    // It then holds for nothing but this answer; the form shows what is kept.
  }
}

/** An imitated card is slower than the processor by itself: 19 pictures a second against 60 (docs/benchmarks.md). */
export function drawnByProcessor(chosen: Choice, card: () => boolean): boolean {
  return chosen === 'processor' || (chosen === 'auto' && !card());
}
