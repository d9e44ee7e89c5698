/** What is half written, sealed by the worker under the person's own key and kept in this browser only. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { useKeys } from '../seals';
import type { OpenCase } from './useCase';

const AFTER_MS = 800;

export interface Draft<T> {
  value: T;
  change: (value: T) => void;
  state: 'none' | 'saving' | 'saved' | 'failed';
  savedAt: string | null;
  forget: () => void;
}

interface Kept<T> {
  value: Partial<T>;
  at: string;
}

export function useDraft<T extends object>(data: OpenCase, kind: string, blank: T): Draft<T> {
  const { seals } = useKeys();
  const name = `${data.answer.row.id} ${kind}`;
  const [value, setValue] = useState<T>(blank);
  const [state, setState] = useState<Draft<T>['state']>('none');
  const [savedAt, setSavedAt] = useState<string | null>(null);
  const touched = useRef(false);

  // What an earlier visit left; never over what was typed meanwhile.
  useEffect(() => {
    let left = false;
    seals.loadDraft(name).then(
      (json) => {
        if (left || touched.current || json === null) return;
        const kept = JSON.parse(json) as Kept<T>;
        setValue({ ...blank, ...kept.value });
        setState('saved');
        setSavedAt(kept.at);
      },
      () => undefined, // not ours to open: it stays where it is until something is written
    );
    return () => {
      left = true;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `blank` is a constant of its form
  }, [seals, name]);

  useEffect(() => {
    if (!touched.current) return;
    let left = false;
    const timer = window.setTimeout(() => {
      const at = new Date().toISOString();
      seals.saveDraft(name, JSON.stringify({ value, at } satisfies Kept<T>)).then(
        () => {
          if (left) return;
          setState('saved');
          setSavedAt(at);
        },
        () => !left && setState('failed'),
      );
    }, AFTER_MS);
    return () => {
      left = true;
      window.clearTimeout(timer);
    };
  }, [seals, name, value]);

  const change = useCallback((next: T) => {
    touched.current = true;
    setState('saving');
    setValue(next);
  }, []);
  const forget = useCallback(() => {
    touched.current = false;
    void seals.dropDraft(name);
    setValue(blank);
    setState('none');
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `blank` is a constant of its form
  }, [seals, name]);
  return { value, change, state, savedAt, forget };
}
