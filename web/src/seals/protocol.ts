/** What page and worker say to each other. */
import type { Facts, RefusalName } from './refusal';
import type { Room } from './room';
import type { Bytes } from './text';

/** Where sealed bytes come from: an address that the worker fetches itself, or a function of the page. */
export type Source = { url: string; size: number } | { read: (from: number, to: number) => Promise<Bytes>; size: number };

/** The same after crossing to the worker; `asked` names a function that stayed on the page. */
export type CrossedSource = { url: string; size: number } | { asked: number; size: number };

export type RoomMethod = Exclude<
  { [Name in keyof Room]: Room[Name] extends (...given: never[]) => Promise<unknown> ? Name : never }[keyof Room],
  undefined
>;

export type Problem = { refusal: RefusalName; facts: Facts } | { failed: string };

/** `cached` marks a whole object that the worker fetches before it opens it. */
export type ToWorker =
  | { call: number; method: RoomMethod | 'fetchObject' | 'fetchObjectRange'; given: unknown[] }
  | { answer: number; bytes: Bytes | null };

export type FromWorker = { call: number; value: unknown } | { call: number; problem: Problem } | { ask: number; asked: number; from: number; to: number };
