/** A case as React state: read, verified, opened; read again when the hub says that something happened. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { ServerRefused } from '../../api/client';
import { useSession } from '../../app/session';
import type { Json } from '../../seals/client';
import type { EventKind } from '../../consult/types';
import { useDirectory } from '../directory';
import { usePortalLive } from '../live';
import { NoKey } from '../failure';
import { passed } from '../../viewer/timing';
import { SealRefused, useKeys } from '../seals';
import type { CaseAnswer } from '../types';
import { caseOf, CaseBroken, type CaseIndex, type CaseObject } from './bundle';
import { inlineKind } from './kinds';
import { believe, EVENT_DOMAIN, openWords, type Believed, type OpenEvent } from './opening';

export interface OpenCase {
  answer: CaseAnswer;
  believed: Believed;
  /** Opened as far as it goes; the pictures do not wait for it. */
  events: OpenEvent[];
  index: CaseIndex | null;
  indexFailure: SealRefused | NoKey | CaseBroken | null;
}

export interface CaseRead {
  data: OpenCase | null;
  error: unknown;
  reload: () => void;
  /** Opens an object of the case, compared with its address in the index. */
  open: (object: CaseObject) => Promise<Uint8Array>;
  /** Seals, signs and posts; resolves once the hub has taken it. */
  post: (kind: EventKind, facts: Json, words: Record<string, unknown> | null) => Promise<void>;
}

const PRESENCE_MS = 1500;

export const randomId = (prefix: string): string => prefix + Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

const pathOf = (consult: string) => `/api/consults/${encodeURIComponent(consult)}`;
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The object that the signed request (or a later answer) names as the case index. */
export function indexObject(believed: Believed): (CaseObject & { epoch: number }) | null {
  for (const { said } of [...believed.events].reverse()) {
    const listed = Array.isArray(said.body['objects']) ? (said.body['objects'] as { object: string; address: string; kind: string; length: number }[]) : [];
    const found = listed.find((one) => one.kind === 'case' && one.address === believed.standing.case);
    if (found !== undefined) return { ...found, position: {}, content_type: 'application/json', title: '', epoch: Number(said.body['epoch'] ?? 1) };
  }
  return null;
}

/** The opened index, or why it cannot be believed. */
async function indexOf(believed: Believed, open: (object: CaseObject) => Promise<Uint8Array>): Promise<Pick<OpenCase, 'index' | 'indexFailure'>> {
  const named = indexObject(believed);
  if (named === null) return { index: null, indexFailure: null };
  try {
    return { index: caseOf(textOf(await open(named))), indexFailure: null };
  } catch (failure) {
    if (failure instanceof SealRefused || failure instanceof NoKey || failure instanceof CaseBroken) return { index: null, indexFailure: failure };
    if (failure instanceof SyntaxError) return { index: null, indexFailure: new CaseBroken('json') };
    throw failure;
  }
}

export function useCase(consult: string): CaseRead {
  const { api, me, reachable } = useSession();
  const { seals } = useKeys();
  const { view, alarm, reload: reloadDirectory } = useDirectory();
  const [data, setData] = useState<OpenCase | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const csrf = me?.csrf;
  const path = pathOf(consult);
  const now = useRef({ data, view });
  useEffect(() => {
    now.current = { data, view };
  });

  const openWith = useCallback(
    async (answer: CaseAnswer, believed: Believed, object: CaseObject): Promise<Uint8Array> => {
      const epoch = object.epoch ?? indexObject(believed)?.epoch ?? 1;
      const handle = believed.epochs.handles.get(epoch);
      if (handle === undefined) throw new NoKey();
      const size = answer.objects.find((one) => one.address === object.address)?.size ?? Number.MAX_SAFE_INTEGER;
      const context = { consult, epoch, object: object.object, kind: object.kind, position: object.position };
      return seals.openObject(handle, context, { url: `${window.location.origin}${path}/objects/${object.address}`, size }, object.address);
    },
    [seals, consult, path],
  );

  useEffect(() => {
    if (view === null) return;
    const stop = new AbortController();
    const left = () => stop.signal.aborted;
    const read = async () => {
      passed('case:asked');
      const answer = await api.get<CaseAnswer>(path, stop.signal);
      passed('case:answered');
      const believed = await believe(seals, answer, view.hub);
      passed('case:believed');
      if (left()) return;
      const before = now.current.data;
      const keep = before?.believed.standing.case === believed.standing.case ? before : null;
      setData({ answer, believed, events: before?.events ?? [], index: keep?.index ?? null, indexFailure: keep?.indexFailure ?? null });
      setError(null);
      if (keep?.index == null) {
        const found = await indexOf(believed, (object) => openWith(answer, believed, object));
        passed('case:index');
        if (!left()) setData((old) => (old === null ? old : { ...old, ...found }));
      }
      const opened = await Promise.all(believed.events.map((entry) => openWords(seals, consult, entry, believed.epochs)));
      if (!left()) setData((old) => (old === null ? old : { ...old, events: opened.filter((one) => one !== null) }));
    };
    read().catch((failure: unknown) => {
      if (!left()) setError(failure);
    });
    return () => stop.abort();
    // A new log-in (csrf) or a network that came back (reachable) reads again.
  }, [api, seals, view, path, consult, csrf, reachable, round, openWith]);

  const reload = useCallback(() => setRound((old) => old + 1), []);
  const soon = useRef<number | undefined>(undefined);
  useEffect(() => () => window.clearTimeout(soon.current), []);
  usePortalLive({
    onEvent: (event) => {
      if (event.consult !== consult) return;
      if (event.kind !== 'presence') reload();
      else {
        // Who came, oneself included, is no reason to disturb the first picture.
        window.clearTimeout(soon.current);
        soon.current = window.setTimeout(reload, PRESENCE_MS);
      }
    },
    onGap: () => {
      reloadDirectory();
      reload();
    },
  });

  const open = useCallback(
    (object: CaseObject) => {
      const current = now.current.data;
      return current === null ? Promise.reject(new Error('not open')) : openWith(current.answer, current.believed, object);
    },
    [openWith],
  );

  const post = useCallback<CaseRead['post']>(
    async (kind, facts, words) => {
      const current = now.current.data;
      if (alarm !== null) throw new ServerRefused(0, alarm);
      if (current === null) throw new Error('not open');
      const { epochs, standing } = current.believed;
      const body: Json = { after: current.answer.events.at(-1)?.link ?? '', at: new Date().toISOString(), consult, event: randomId('e_'), kind, ...facts };
      if (words !== null) {
        const handle = epochs.handles.get(standing.epoch);
        if (handle === undefined) throw new NoKey();
        const context = { consult, epoch: standing.epoch, object: randomId('o_'), kind: inlineKind(kind), position: {} };
        Object.assign(body, { epoch: standing.epoch, object: context.object, sealed: await seals.sealInline(handle, context, new TextEncoder().encode(JSON.stringify(words))) });
      }
      const signed = await seals.signStatement(body, EVENT_DOMAIN);
      await api.send('POST', `${path}/events`, { statement: signed.text });
      reload();
    },
    [api, seals, alarm, consult, path, reload],
  );

  return useMemo(() => ({ data, error, reload, open, post }), [data, error, reload, open, post]);
}
