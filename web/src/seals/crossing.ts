/** The worker's side of the protocol: calls in, answers out; bytes change hands without a copy. */
import type { CrossedSource, FromWorker, Problem, ToWorker } from './protocol';
import { SealRefused } from './refusal';
import type { Handle, Room } from './room';
import type { ObjectContext } from './objects';
import type { Bytes } from './text';

type Post = (message: FromWorker, transfer: Transferable[]) => void;

/** Reads `[from, to)` of an object over HTTP; a server that ignores ranges answers with everything. */
async function fetchRange(url: string, from: number, to: number, whole: boolean): Promise<Bytes> {
  const answer = await fetch(url, { credentials: 'same-origin', headers: whole ? {} : { Range: `bytes=${from}-${to - 1}` } });
  if (answer.status !== 200 && answer.status !== 206) throw new Error(`HTTP ${answer.status}`);
  const data = new Uint8Array(await answer.arrayBuffer());
  return answer.status === 206 ? data : data.subarray(from, to);
}

function problemOf(fault: unknown): Problem {
  if (fault instanceof SealRefused) return { refusal: fault.refusal, facts: fault.facts };
  return { failed: fault instanceof Error ? fault.message : 'failed' };
}

export class Crossing {
  private readonly waiting = new Map<number, (bytes: Bytes | null) => void>();
  private asks = 0;

  constructor(
    private readonly room: Room,
    private readonly post: Post,
  ) {}

  take(message: ToWorker): void {
    if ('answer' in message) {
      this.waiting.get(message.answer)?.(message.bytes);
      this.waiting.delete(message.answer);
      return;
    }
    const { call } = message;
    this.run(message).then(
      (value) => this.post({ call, value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []),
      (fault: unknown) => this.post({ call, problem: problemOf(fault) }, []),
    );
  }

  private async run({ method, given }: Extract<ToWorker, { call: number }>): Promise<unknown> {
    if (method === 'fetchObject') {
      const [handle, context, source, address] = given as [Handle, ObjectContext, CrossedSource, string];
      return whole(await this.room.openObject(handle, context, await this.read(source, 0, source.size, true), address));
    }
    if (method === 'fetchObjectRange') {
      const [handle, context, source, from, to] = given as [Handle, ObjectContext, CrossedSource, number, number];
      const readAt = (start: number, end: number) => this.read(source, start, Math.min(end, source.size), false);
      return whole(await this.room.openObjectRange(handle, context, { readAt, size: source.size }, from, to));
    }
    const value = await (this.room[method] as (...given: unknown[]) => Promise<unknown>).apply(this.room, given);
    return value instanceof Uint8Array ? whole(value as Bytes) : value;
  }

  private async read(source: CrossedSource, from: number, to: number, all: boolean): Promise<Bytes> {
    if ('url' in source) return fetchRange(source.url, from, to, all);
    const ask = ++this.asks;
    const bytes = await new Promise<Bytes | null>((resolve) => {
      this.waiting.set(ask, resolve);
      this.post({ ask, asked: source.asked, from, to }, []);
    });
    if (!bytes) throw new Error('the page could not read the object');
    return bytes;
  }
}

/** A piece of a larger buffer is copied, so that handing it over hands over nothing else. */
const whole = (data: Bytes): Bytes => (data.byteLength === data.buffer.byteLength ? data : data.slice());
