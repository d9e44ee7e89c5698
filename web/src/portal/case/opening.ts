/** From the hub's answer to an opened case: every signature, every link, every seal; what fails is named, never skipped. */
import { fold, type FoldEvent, type Standing } from '../../consult/fold';
import { EVENT_KINDS, type EventKind } from '../../consult/types';
import { NoKey } from '../failure';
import { SealRefused, type Checked, type Handle, type ObjectContext, type Seals } from '../seals';
import type { CaseAnswer, CaseEvent } from '../types';
import { inlineKind } from './kinds';

export const EVENT_DOMAIN = 'xinglin consult event v1';

export interface OpenEvent extends FoldEvent {
  seq: number;
  name: string;
  deliveredAt: string | null;
  /** Words of the sealed part; null where there is none, or it could not be opened (`broken`). */
  text: string | null;
  broken: SealRefused | NoKey | null;
}

/** Something of the case that must not be believed. */
export interface Distrust {
  what: 'statement' | 'order' | 'wraps' | 'sealed' | 'state';
  seq: number | null;
  error: SealRefused | null;
}

export interface Epochs {
  /** Handle of the key of each epoch that this person may read. */
  handles: ReadonlyMap<number, Handle>;
  newest: number;
}

export interface Believed {
  events: { row: CaseEvent; said: Checked }[];
  standing: Standing;
  epochs: Epochs;
  distrust: Distrust[];
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hexOf = (data: ArrayBuffer): string => Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, '0')).join('');
const sha256 = async (data: Uint8Array<ArrayBuffer>): Promise<string> => hexOf(await crypto.subtle.digest('SHA-256', data));
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const BEFORE = '{"signature":"'.length + 128 + '","statement":'.length;

/**
 * The name of a statement on the wire (canonical JSON), its signature left out: what the chain links and what
 * both sides show. Also of one whose signature does not hold, so that a forged entry does not hide a broken chain.
 */
export const digestOf = (wire: string): Promise<string> => sha256(utf8(wire.slice(BEFORE, -1)));

/** Link of an event, as core/consult/chain.py makes it. */
export async function nextLink(before: string, row: Pick<CaseEvent, 'seq' | 'statement' | 'at' | 'actor'>): Promise<string> {
  // Keys in RFC 8785's order; ids, times and hashes need no escapes.
  const text = JSON.stringify({ actor: row.actor, at: row.at, seq: row.seq, statement: await digestOf(row.statement) });
  const head = bytesOf(before);
  const tail = utf8(text);
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return sha256(whole);
}

/** Seq of the first event that is missing, changed or in another place; null where the chain holds. */
export async function brokenLink(events: readonly CaseEvent[]): Promise<number | null> {
  let before = '';
  for (const [index, row] of events.entries()) {
    if (row.seq !== index + 1 || (await nextLink(before, row)) !== row.link) return index + 1;
    before = row.link;
  }
  return null;
}

const refusalOf = (error: unknown): SealRefused => {
  if (error instanceof SealRefused) return error;
  throw error;
};

function signerOf({ signer }: Checked): string {
  return 'node' in signer ? signer.node : signer.person;
}

/** Does the signed statement say what the row says? */
function matches(row: CaseEvent, said: Checked, consult: string, hub: string): boolean {
  // The hub's own timers have no name in a row.
  const signer = row.actor === '' ? hub : row.actor;
  return said.body['event'] === row.id && said.body['kind'] === row.kind && said.body['consult'] === consult && signerOf(said) === signer;
}

export function foldEvent(row: CaseEvent, said: Checked): FoldEvent | null {
  if (!EVENT_KINDS.includes(row.kind as EventKind)) return null;
  return { id: row.id, kind: row.kind as EventKind, actor: signerOf(said), at: typeof said.body['at'] === 'string' ? said.body['at'] : row.at, digest: said.sha256, body: said.body };
}

async function statements(seals: Seals, answer: CaseAnswer, hub: string): Promise<Pick<Believed, 'events' | 'distrust'>> {
  const distrust: Distrust[] = [];
  // Who only routes is not given what was said: nothing to check, and nothing to distrust.
  const outside = answer.way !== undefined && answer.way !== 'party';
  const given = answer.events.filter((row) => !outside || row.statement !== '');
  const checked = await Promise.all(
    given.map(async (row) => {
      try {
        const said = await seals.verifyStatement(row.statement, EVENT_DOMAIN, row.at);
        if (matches(row, said, answer.row.id, hub)) return { row, said };
        distrust.push({ what: 'statement', seq: row.seq, error: null });
      } catch (error) {
        distrust.push({ what: 'statement', seq: row.seq, error: refusalOf(error) });
      }
      return null;
    }),
  );
  const broken = outside ? null : await brokenLink(answer.events);
  if (broken !== null) distrust.push({ what: 'order', seq: broken, error: null });
  return { events: checked.filter((one) => one !== null), distrust };
}

async function epochsOf(seals: Seals, answer: CaseAnswer, hospital: string, distrust: Distrust[]): Promise<Epochs> {
  const handles = new Map<number, Handle>();
  for (const { epoch, statement } of answer.wraps) {
    try {
      // Only a box of the hospital that asks may wrap its consultation's key; the worker compares.
      handles.set(epoch, await seals.openWrapSet(statement, { consult: answer.row.id, epoch, hospital }));
    } catch (error) {
      distrust.push({ what: 'wraps', seq: epoch, error: refusalOf(error) });
    }
  }
  return { handles, newest: Math.max(0, ...handles.keys()) };
}

/** First part: whom to believe, and the keys. Words and pictures are opened after it. */
export async function believe(seals: Seals, answer: CaseAnswer, hub: string): Promise<Believed> {
  const { events, distrust } = await statements(seals, answer, hub);
  const standing = fold(events.map(({ row, said }) => foldEvent(row, said)).filter((one) => one !== null));
  const saidPlace = answer.row.business_state === 'awaiting-information' ? 'awaiting-information' : answer.row.state;
  const outside = answer.way !== undefined && answer.way !== 'party';
  if (!outside && standing.place !== saidPlace) distrust.push({ what: 'state', seq: null, error: null });
  const epochs = await epochsOf(seals, answer, standing.hospital, distrust);
  return { events, standing, epochs, distrust };
}

export function contextOf(consult: string, body: Record<string, unknown>, kind: EventKind): ObjectContext {
  return { consult, epoch: Number(body['epoch']), object: String(body['object']), kind: inlineKind(kind), position: {} };
}

/** Second part: the words of one event. */
export async function openWords(seals: Seals, consult: string, entry: Believed['events'][number], epochs: Epochs): Promise<OpenEvent | null> {
  const { row, said } = entry;
  const event = foldEvent(row, said);
  if (event === null) return null;
  const plain: OpenEvent = { ...event, seq: row.seq, name: row.actor_name, at: row.at, deliveredAt: row.delivered_at, text: null, broken: null };
  const sealed = said.body['sealed'];
  if (typeof sealed !== 'string') return plain;
  const context = contextOf(consult, said.body, event.kind);
  const handle = epochs.handles.get(context.epoch);
  if (handle === undefined) return { ...plain, broken: new NoKey() };
  try {
    return { ...plain, text: new TextDecoder().decode(await seals.openInline(handle, context, sealed)) };
  } catch (error) {
    return { ...plain, broken: refusalOf(error) };
  }
}

/** The words of a message or an answer; older or odd shapes are shown as they are. */
export function wordsOf(json: string | null): string | null {
  if (json === null) return null;
  try {
    const value = JSON.parse(json) as Record<string, unknown>;
    for (const name of ['text', 'reason', 'impression']) if (typeof value[name] === 'string') return value[name];
    return json;
  } catch {
    return json;
  }
}
