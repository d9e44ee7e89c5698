/** The page's door to its keys. Private keys live in a worker; what comes out are texts, bytes and names of handles. */
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { useSession } from '../app/session';

export interface NewKey {
  id: string;
  agree_public: string;
  sign_public: string;
  wrapped: string;
  recovery: string;
}

/** What is sealed, and where it belongs: bound into the file key and into every chunk. */
export interface SealContext {
  consult: string;
  epoch: number;
  object: string;
  kind: string;
  position: Record<string, number | number[]>;
}

export interface Signer {
  node?: string;
  person?: string;
  key?: string;
}

export interface Said {
  body: Record<string, unknown>;
  domain: string;
  signer: Signer;
  /** SHA-256 of what was signed: the name of the statement, the same on both sides. */
  sha256: string;
}

export interface DirectoryPerson {
  person: string;
  hospital: string;
  name: string;
  department: string;
  title: string;
  role: string;
  key: string;
  attested: boolean;
  since: string;
  /** A later key replaces an earlier one: to be confirmed before it is used. */
  changed: boolean;
  retired: boolean;
  revoked: boolean;
}

export interface DirectoryView {
  size: number;
  head: string;
  people: DirectoryPerson[];
  nodes: { node: string; hospital: string; revoked: boolean }[];
  hospitals: { hospital: string; name: string; recovery_public: string }[];
}

export interface Pinned {
  size: number;
  head: string;
}

/** What the worker could not do or would not believe; `code` as in the catalogue of errors (70xx, 71xx). */
export class SealRefused extends Error {
  constructor(
    readonly code: string,
    readonly zh: string,
    readonly en: string,
  ) {
    super(code);
  }
}

export interface Seals {
  /** Id of the key that this browser holds for the person, null where none. */
  held(person: string): Promise<string | null>;
  createKeys(person: string, passphrase: string, recoveryPublic: string): Promise<NewKey>;
  unlock(person: string, key: string, wrapped: string, passphrase: string): Promise<void>;
  /** Forget the keys of this browser. */
  forget(): Promise<void>;
  verifyDirectory(entries: unknown[], head: unknown, pinned: Pinned | null): Promise<DirectoryView>;
  /** Check a statement's signature with the verified directory. */
  verifyStatement(text: string): Promise<Said>;
  /** Open the consultation key of an epoch; the key stays in the worker, the name of a handle comes back. */
  openWrap(sealed: string, consult: string, epoch: number, recipient: string): Promise<string>;
  openInline(handle: string, context: SealContext, sealed: string): Promise<string>;
  /** Fetch, compare with the address, open. */
  openObject(handle: string, context: SealContext, url: string, address: string): Promise<Uint8Array>;
  sealInline(handle: string, context: SealContext, text: string): Promise<string>;
  /** Text of the signed statement and its name. */
  signStatement(body: Record<string, unknown>, domain: string): Promise<{ text: string; sha256: string }>;
}

export type KeyState = 'unknown' | 'none' | 'locked' | 'open';

interface Keys {
  seals: Seals;
  state: KeyState;
  setState: (state: KeyState) => void;
}

const KeysContext = createContext<Keys | null>(null);

export function useKeys(): Keys {
  const keys = useContext(KeysContext);
  if (keys === null) throw new Error('KeysContext missing');
  return keys;
}

export function KeysProvider({ seals, children }: { seals: Seals; children: ReactNode }) {
  const { me } = useSession();
  const [state, setState] = useState<KeyState>('unknown');
  const person = me?.id ?? null;
  const key = me?.key?.id ?? null;
  useEffect(() => {
    if (person === null) return;
    let left = false;
    const tell = (next: KeyState) => {
      if (!left) setState(next);
    };
    if (key === null) tell('none');
    else {
      seals.held(person).then(
        (held) => tell(held === key ? 'open' : 'locked'),
        () => tell('locked'),
      );
    }
    return () => {
      left = true;
    };
  }, [seals, person, key]);
  const keys = useMemo(() => ({ seals, state: person === null ? ('unknown' as const) : state, setState }), [seals, state, person]);
  return <KeysContext.Provider value={keys}>{children}</KeysContext.Provider>;
}
