/** Server-sent events with our own reconnect, because browsers give up on an HTTP error. */
export type LiveState = 'connecting' | 'live' | 'lost';

export interface LiveHandlers<E> {
  onEvent(event: E): void;
  onState(state: LiveState): void;
  /** Called after a gap: what happened meanwhile is unknown, so the list must be read again. */
  onGap(): void;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;

/** Open the stream; the returned function closes it. */
export function listen<E>(path: string, handlers: LiveHandlers<E>): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  let wait = FIRST_WAIT_MS;
  let hadGap = false;
  let closed = false;

  function open(): void {
    handlers.onState('connecting');
    source = new EventSource(path);
    source.onopen = () => {
      wait = FIRST_WAIT_MS;
      handlers.onState('live');
      if (hadGap) handlers.onGap();
      hadGap = false;
    };
    source.onmessage = (message: MessageEvent<string>) => handlers.onEvent(JSON.parse(message.data) as E);
    source.onerror = () => {
      if (closed) return;
      hadGap = true;
      handlers.onState('lost');
      source?.close();
      timer = window.setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  }

  function retryNow(): void {
    if (closed || source?.readyState === EventSource.OPEN) return;
    window.clearTimeout(timer);
    source?.close();
    open();
  }

  open();
  window.addEventListener('online', retryNow);
  return () => {
    closed = true;
    window.clearTimeout(timer);
    window.removeEventListener('online', retryNow);
    source?.close();
  };
}
