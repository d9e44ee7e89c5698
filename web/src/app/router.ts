/** Path and query as React state; links stay real links. */
import { useSyncExternalStore } from 'react';

export interface Place {
  path: string;
  search: string;
}

const CHANGED = 'xinglin:place';

export function navigate(url: string, replace = false): void {
  if (url === window.location.pathname + window.location.search) return;
  if (replace) window.history.replaceState(null, '', url);
  else window.history.pushState(null, '', url);
  window.dispatchEvent(new Event(CHANGED));
}

function subscribe(onChange: () => void): () => void {
  window.addEventListener('popstate', onChange);
  window.addEventListener(CHANGED, onChange);
  return () => {
    window.removeEventListener('popstate', onChange);
    window.removeEventListener(CHANGED, onChange);
  };
}

export function usePlace(): Place {
  const href = useSyncExternalStore(subscribe, () => window.location.pathname + window.location.search);
  const cut = href.indexOf('?');
  return cut < 0 ? { path: href, search: '' } : { path: href.slice(0, cut), search: href.slice(cut) };
}
