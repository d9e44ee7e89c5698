/** Who is logged in, what they may do, and whether the appliance answers. */
import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { createApi, ServerRefused, type Api } from '../api/client';
import type { Language, Me, Permission } from '../api/types';
import { useTexts } from '../i18n';

export interface Session {
  api: Api;
  me: Me | null;
  /** Not yet known whether a session exists. */
  starting: boolean;
  /** The session ended while a page was open; the page is kept behind the log-in. */
  expired: boolean;
  reachable: boolean;
  may: (permission: Permission) => boolean;
  login: (user: string, password: string, otp: string | null) => Promise<void>;
  logout: () => Promise<void>;
  /** Ask again who is logged in and what they may. */
  refresh: () => Promise<void>;
  setLanguage: (language: Language) => void;
}

const SessionContext = createContext<Session | null>(null);
const PROBE_MS = 3000;

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('SessionContext missing');
  return session;
}

interface ProviderProps {
  children: ReactNode;
  /** What else must be forgotten when the person leaves. */
  onLogout?: (me: Me) => Promise<void>;
}

export function SessionProvider({ children, onLogout }: ProviderProps) {
  const { change } = useTexts();
  const [me, setMe] = useState<Me | null>(null);
  const [starting, setStarting] = useState(true);
  const [expired, setExpired] = useState(false);
  const [reachable, setReachable] = useState(true);
  const csrf = useRef<string | null>(null);
  /** Chosen on the log-in page: it wins over the one kept for the user. */
  const chosen = useRef<Language | null>(null);

  const api = useMemo(
    () =>
      createApi({
        csrf: () => csrf.current,
        onUnauthorised: () => setExpired(csrf.current !== null),
        onReachable: setReachable,
      }),
    [],
  );

  const adopt = useMemo(
    () => (next: Me | null) => {
      csrf.current = next?.csrf ?? null;
      setMe(next);
      setExpired(false);
      if (next === null) return;
      if (chosen.current === null || chosen.current === next.language) change(next.language);
      else void api.send('PUT', '/api/me/language', { language: chosen.current }).catch(() => undefined);
      chosen.current = null;
    },
    [api, change],
  );

  // First question: is there a session? While nobody answers, ask again; say so meanwhile.
  useEffect(() => {
    const stop = new AbortController();
    let timer: number | undefined;
    const ask = () => {
      api.get<Me>('/api/me', stop.signal).then(
        (answer) => {
          adopt(answer);
          setStarting(false);
        },
        (error: unknown) => {
          if (stop.signal.aborted) return;
          if (error instanceof ServerRefused) setStarting(false);
          else timer = window.setTimeout(ask, PROBE_MS);
        },
      );
    };
    ask();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [api, adopt]);

  // While the appliance does not answer, probe until it does.
  useEffect(() => {
    if (reachable || starting) return;
    const timer = window.setInterval(() => void api.get('/api/me').catch(() => undefined), PROBE_MS);
    return () => window.clearInterval(timer);
  }, [reachable, starting, api]);

  const session: Session = {
    api,
    me,
    starting,
    expired,
    reachable,
    may: (permission) => me?.permissions.includes(permission) ?? false,
    login: async (user, password, otp) => {
      adopt(await api.send<Me>('POST', '/api/login', { user, password, ...(otp === null ? {} : { otp }) }));
    },
    logout: async () => {
      if (me !== null) await onLogout?.(me);
      await api.send('POST', '/api/logout');
      // A fresh page: nothing of a patient stays in the memory of a shared PC.
      window.location.assign('/');
    },
    refresh: async () => {
      adopt(await api.get<Me>('/api/me'));
    },
    setLanguage: (next) => {
      change(next);
      if (me === null) chosen.current = next;
      // Kept for the next log-in; that it could not be kept is no reason to disturb anyone.
      if (me !== null) void api.send('PUT', '/api/me/language', { language: next }).catch(() => undefined);
    },
  };
  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}
