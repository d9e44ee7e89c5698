/** The one place that speaks HTTP. Failures are typed: the server said no, or nobody answered. */
import type { PublicMessage } from './types';

export class ServerRefused extends Error {
  constructor(
    readonly status: number,
    readonly said: PublicMessage,
  ) {
    super(said.code);
  }
}

/** Network gone, server restarting, or an answer that is not ours. */
export class Unreachable extends Error {}

export interface Api {
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T>;
  upload<T>(path: string, form: FormData, onBytes: (sent: number) => void, signal: AbortSignal): Promise<T>;
}

export interface ApiHooks {
  csrf(): string | null;
  onUnauthorised(): void;
  onReachable(reachable: boolean): void;
}

function refusalOf(status: number, text: string): ServerRefused {
  try {
    const said = JSON.parse(text) as Partial<PublicMessage>;
    if (typeof said.code === 'string') {
      return new ServerRefused(status, {
        code: said.code,
        message_zh: said.message_zh ?? said.code,
        message_en: said.message_en ?? said.code,
      });
    }
  } catch {
    // Not JSON: a proxy's page, for example. The status still tells.
  }
  const code = `HTTP ${status}`;
  return new ServerRefused(status, { code, message_zh: `服务器拒绝了请求（${code}）`, message_en: `The server refused the request (${code})` });
}

/** A proxy or the starting server answers these without having seen the request. */
const NOBODY_HOME = new Set([502, 503, 504]);

/** A wrong password or code, typed by somebody whose session stands: the form says it, and nobody need sign in anew. */
const MISTYPED = new Set(['E6001', 'E6014', 'E7611']);

export function createApi(hooks: ApiHooks): Api {
  function headers(body: boolean): Record<string, string> {
    const csrf = hooks.csrf();
    return {
      Accept: 'application/json',
      ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...(csrf === null ? {} : { 'X-CSRF-Token': csrf }),
    };
  }

  function judge(status: number, text: string): unknown {
    if (NOBODY_HOME.has(status) && !text.startsWith('{')) {
      hooks.onReachable(false);
      throw new Unreachable(`HTTP ${status}`);
    }
    hooks.onReachable(true);
    if (status >= 400) {
      const refusal = refusalOf(status, text);
      if (status === 401 && !MISTYPED.has(refusal.said.code)) hooks.onUnauthorised();
      throw refusal;
    }
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }

  async function request<T>(path: string, init: RequestInit): Promise<T> {
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(path, { ...init, credentials: 'same-origin', cache: 'no-store' });
      text = await answer.text();
    } catch (error) {
      if (init.signal?.aborted) throw error;
      hooks.onReachable(false);
      throw new Unreachable(String(error));
    }
    return judge(answer.status, text) as T;
  }

  return {
    get: (path, signal) => request(path, { method: 'GET', headers: headers(false), signal: signal ?? null }),
    send: (method, path, body) =>
      request(path, {
        method,
        headers: headers(body !== undefined),
        body: body === undefined ? null : JSON.stringify(body),
      }),
    upload<T>(path: string, form: FormData, onBytes: (sent: number) => void, signal: AbortSignal) {
      // fetch has no upload progress; XMLHttpRequest does.
      return new Promise<T>((resolve, reject) => {
        const xhr = new XMLHttpRequest();
        xhr.open('POST', path);
        const csrf = hooks.csrf();
        if (csrf !== null) xhr.setRequestHeader('X-CSRF-Token', csrf);
        xhr.upload.onprogress = (event) => onBytes(event.loaded);
        xhr.onerror = () => {
          hooks.onReachable(false);
          reject(new Unreachable('upload'));
        };
        xhr.onabort = () => reject(new DOMException('aborted', 'AbortError'));
        xhr.onload = () => {
          try {
            resolve(judge(xhr.status, xhr.responseText) as T);
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        };
        signal.addEventListener('abort', () => xhr.abort());
        xhr.send(form);
      });
    },
  };
}
