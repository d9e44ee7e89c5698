import { lazy, type ComponentType, type LazyExoticComponent } from 'react';

interface Code<P> {
  default: ComponentType<P>;
}

/** A page whose code comes when it is first shown, or before, by `fetch`. */
export interface Later<P> {
  Page: LazyExoticComponent<ComponentType<P>>;
  fetch: () => Promise<void>;
}

/**
 * React keeps a fallback for 300 ms once it has shown it, and its own `lazy` shows one also for code that is here already. Such
 * code is therefore handed over in the same breath.
 */
export function lazily<P>(load: () => Promise<Code<P>>): Later<P> {
  let here: Code<P> | null = null;
  const fetch = async () => {
    here = await load();
  };
  const atOnce = (code: Code<P>) => ({ then: (take: (code: Code<P>) => void) => take(code) }) as unknown as Promise<Code<P>>;
  return { Page: lazy(() => (here === null ? load() : atOnce(here))), fetch };
}
