/** The page's door to the seals. Nothing here ever sees a key. */
import type { Json } from './canonical';
import type { ObjectContext } from './objects';
import type { ChangedKey } from './directory';
import type { NewKeys, Owner } from './person';
import type { CrossedSource, FromWorker, Source, ToWorker } from './protocol';
import { SealRefused } from './refusal';
import type { Checked, DirectoryView, Handle, SealedObject, WhoAmI, Witness } from './room';
import type { Bytes } from './text';

export type { ChangedKey, Hospital, PersonKey } from './directory';
export type { Json, JsonValue } from './canonical';
export type { ObjectContext, Position } from './objects';
export type { NewKeys, Owner } from './person';
export type { Source } from './protocol';
export type { Checked, DirectoryView, Handle, SealedObject, WhoAmI, Witness } from './room';
export { SealRefused } from './refusal';

/** A worker, or something that behaves like one (tests). */
export interface WorkerPort {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

const startWorker = (): WorkerPort => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'seals' });

export class Seals {
  private readonly calls = new Map<number, { resolve: (value: unknown) => void; reject: (fault: Error) => void }>();
  private readonly readers = new Map<number, (from: number, to: number) => Promise<Bytes>>();
  private count = 0;

  constructor(private readonly worker: WorkerPort = startWorker()) {
    worker.onmessage = (event) => this.take(event.data as FromWorker);
    worker.onerror = () => this.fail(new Error('the seals worker failed'));
  }

  createKeys = (owner: Owner, passphrase: string, recoveryPublic: string): Promise<NewKeys> => this.call('createKeys', owner, passphrase, recoveryPublic);
  unlock = (wrapped: string, passphrase: string): Promise<WhoAmI> => this.call('unlock', wrapped, passphrase);
  resume = (person: string, key: string): Promise<WhoAmI | null> => this.call('resume', person, key);
  whoAmI = (): Promise<WhoAmI | null> => this.call('whoAmI');
  lock = (): Promise<void> => this.call('lock');
  forget = (person: string): Promise<void> => this.call('forget', person);
  unlockOwn = (wrapped: string, passphrase: string, mine: WhoAmI): Promise<WhoAmI> => this.call('unlockOwn', wrapped, passphrase, mine);
  changePassphrase = (wrapped: string, old: string, fresh: string): Promise<string> => this.call('changePassphrase', wrapped, old, fresh);

  verifyDirectory = (entries: readonly string[], head: string, pinned: string): Promise<DirectoryView> => this.call('verifyDirectory', entries, head, pinned);
  confirmKey = (kind: ChangedKey['kind'], id: string, fresh: string): Promise<void> => this.call('confirmKey', kind, id, fresh);
  verifyStatement = (text: string, domain: string | null, asOf = ''): Promise<Checked> => this.call('verifyStatement', text, domain, asOf);
  nameOf = (text: string): Promise<string> => this.call('nameOf', text);
  checkWitness = (text: string): Promise<Witness> => this.call('checkWitness', text);
  signStatement = (body: Json, domain: string): Promise<{ text: string; sha256: string }> => this.call('signStatement', body, domain);

  openWrapSet = (text: string, expected: { consult: string; epoch: number; hospital: string }, asOf = ''): Promise<Handle> =>
    this.call('openWrapSet', text, expected, asOf);
  close = (handle: Handle): Promise<void> => this.call('close', handle);

  /** Fetches a whole object in the worker, compares its address, opens it. */
  openObject = (handle: Handle, context: ObjectContext, source: Source, address: string): Promise<Bytes> =>
    this.withSource(source, (crossed) => this.call('fetchObject', handle, context, crossed, address));
  /** Fetches and opens only the chunks that hold `[from, to)`. */
  openObjectRange = (handle: Handle, context: ObjectContext, source: Source, from: number, to: number): Promise<Bytes> =>
    this.withSource(source, (crossed) => this.call('fetchObjectRange', handle, context, crossed, from, to));
  openInline = (handle: Handle, context: ObjectContext, text: string): Promise<Bytes> => this.call('openInline', handle, context, text);
  sealInline = (handle: Handle, context: ObjectContext, plain: Bytes): Promise<string> => this.call('sealInline', handle, context, plain);
  sealObject = (handle: Handle, context: ObjectContext, plain: Bytes): Promise<SealedObject> => this.call('sealObject', handle, context, plain);

  saveDraft = (name: string, text: string): Promise<void> => this.call('saveDraft', name, text);
  loadDraft = (name: string): Promise<string | null> => this.call('loadDraft', name);
  dropDraft = (name: string): Promise<void> => this.call('dropDraft', name);

  /** Ends the worker; keys in its memory go with it. */
  end(): void {
    this.worker.terminate();
    this.fail(new Error('ended'));
  }

  private call<T>(method: Extract<ToWorker, { call: number }>['method'], ...given: unknown[]): Promise<T> {
    const call = ++this.count;
    return new Promise<T>((resolve, reject) => {
      this.calls.set(call, { resolve: resolve as (value: unknown) => void, reject });
      this.worker.postMessage({ call, method, given } satisfies ToWorker, []);
    });
  }

  private async withSource<T>(source: Source, run: (crossed: CrossedSource) => Promise<T>): Promise<T> {
    if ('url' in source) return run({ url: source.url, size: source.size });
    const asked = ++this.count;
    this.readers.set(asked, source.read);
    try {
      return await run({ asked, size: source.size });
    } finally {
      this.readers.delete(asked);
    }
  }

  private take(message: FromWorker): void {
    if ('ask' in message) {
      void this.answer(message);
      return;
    }
    const waiting = this.calls.get(message.call);
    this.calls.delete(message.call);
    if (!waiting) return;
    if ('value' in message) {
      waiting.resolve(message.value);
      return;
    }
    const { problem } = message;
    waiting.reject('refusal' in problem ? new SealRefused(problem.refusal, problem.facts) : new Error(problem.failed));
  }

  /** The worker asks for bytes that only the page can read; what goes wrong there is the page's to tell. */
  private async answer({ ask, asked, from, to }: Extract<FromWorker, { ask: number }>): Promise<void> {
    const bytes = await (this.readers.get(asked)?.(from, to).catch(() => null) ?? null);
    this.worker.postMessage({ answer: ask, bytes } satisfies ToWorker, []);
  }

  private fail(fault: Error): void {
    for (const { reject } of this.calls.values()) reject(fault);
    this.calls.clear();
  }
}
