/** A report's draft: read, edited, saved by itself, and what the box says beside it. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { ServerRefused } from '../api/client';
import { useSession } from '../app/session';
import { useFailureText } from '../ui/states';
import type { Content, ReportState, Saved, Shown } from './types';

const QUIET_MS = 1200;

export interface Saving {
  state: 'clean' | 'dirty' | 'saving' | 'failed';
  at: string;
  version: number;
  why: string;
}

export interface Report {
  state: ReportState | null;
  content: Content | null;
  shown: Shown | null;
  saving: Saving;
  error: unknown;
  /** What was saved elsewhere, while both stand side by side. */
  theirs: ReportState | null;
  edit: (change: (content: Content) => Content) => void;
  /** Save now; resolves to the draft's version. */
  flush: () => Promise<number | null>;
  send: (what: string, body: object) => Promise<void>;
  settle: (mine: boolean) => void;
  reload: () => void;
}

export function useReport(study: string): Report {
  const { api } = useSession();
  const failureText = useFailureText();
  const base = `/api/studies/${encodeURIComponent(study)}/report`;
  const [state, setState] = useState<ReportState | null>(null);
  const [content, setContent] = useState<Content | null>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [theirs, setTheirs] = useState<ReportState | null>(null);
  const [saving, setSaving] = useState<Saving>({ state: 'clean', at: '', version: 0, why: '' });
  const latest = useRef({ content, version: 0, base: 0 });
  const running = useRef<Promise<number | null> | null>(null);

  const adopt = useCallback((next: ReportState) => {
    setState(next);
    setContent(next.content);
    setShown(next);
    setTheirs(null);
    latest.current = { content: next.content, version: next.draft?.version ?? 0, base: next.base };
    setSaving({ state: 'clean', at: next.draft?.changed_at ?? '', version: next.draft?.version ?? 0, why: '' });
  }, []);
  const reload = useCallback(() => {
    api.get<ReportState>(base).then(adopt, setError);
  }, [api, base, adopt]);
  useEffect(reload, [reload]);

  const save = useCallback(async (): Promise<number | null> => {
    const sent = latest.current.content;
    if (sent === null) return null;
    setSaving((old) => ({ ...old, state: 'saving' }));
    try {
      const answer = await api.send<Saved>('PUT', `${base}/draft`, { version: latest.current.version, base: latest.current.base, content: sent });
      latest.current.version = answer.version;
      setShown(answer);
      setSaving({ state: latest.current.content === sent ? 'clean' : 'dirty', at: answer.saved_at, version: answer.version, why: '' });
      return answer.version;
    } catch (failure) {
      if (failure instanceof ServerRefused && failure.status === 409) setTheirs(await api.get<ReportState>(base));
      setSaving((old) => ({ ...old, state: 'failed', why: failureText(failure) }));
      return null;
    }
  }, [api, base, failureText]);

  // The newest save is the only one that reads `save`: a language change must not restart the clock.
  const saver = useRef(save);
  useEffect(() => {
    saver.current = save;
  });
  const flush = useCallback(async () => {
    if (running.current !== null) await running.current;
    running.current = saver.current();
    const version = await running.current;
    running.current = null;
    return version;
  }, []);
  useEffect(() => {
    if (saving.state !== 'dirty' || theirs !== null) return;
    const timer = window.setTimeout(() => void flush(), QUIET_MS);
    return () => window.clearTimeout(timer);
  }, [saving.state, content, theirs, flush]);

  // What was typed a moment ago is saved when the form is closed, and asked about when the tab is.
  const dirty = saving.state === 'dirty' || saving.state === 'failed';
  const unsaved = useRef(dirty);
  useEffect(() => {
    unsaved.current = dirty && theirs === null;
  });
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (unsaved.current) event.preventDefault();
    };
    window.addEventListener('beforeunload', ask);
    return () => {
      window.removeEventListener('beforeunload', ask);
      if (unsaved.current) void flush();
    };
  }, [flush]);

  const edit = useCallback((change: (old: Content) => Content) => {
    const old = latest.current.content;
    if (old === null) return;
    const next = change(old);
    latest.current.content = next;
    setContent(next);
    setSaving((before) => ({ ...before, state: 'dirty' }));
  }, []);
  const send = useCallback(
    async (what: string, body: object) => {
      try {
        adopt(await api.send<ReportState>('POST', `${base}/${what}`, body));
      } catch (failure) {
        if (failure instanceof ServerRefused && failure.status === 409) setTheirs(await api.get<ReportState>(base));
        throw failure;
      }
    },
    [api, base, adopt],
  );
  const settle = useCallback(
    (mine: boolean) => {
      if (theirs === null) return;
      if (!mine) {
        adopt(theirs);
        return;
      }
      latest.current.version = theirs.draft?.version ?? 0;
      latest.current.base = theirs.base;
      setState(theirs);
      setTheirs(null);
      setSaving((old) => ({ ...old, state: 'dirty' }));
    },
    [theirs, adopt],
  );
  return { state, content, shown, saving, error, theirs, edit, flush, send, settle, reload };
}
