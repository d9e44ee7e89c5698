/** What the worker keeps on this computer: non-extractable keys, the directory it saw, sealed drafts. */
export type Drawer = 'keys' | 'directory' | 'drafts';

export interface Shelf {
  get(drawer: Drawer, name: string): Promise<unknown>;
  put(drawer: Drawer, name: string, value: unknown): Promise<void>;
  drop(drawer: Drawer, name: string): Promise<void>;
}

/** For a session that keeps nothing, and for tests. */
export function memoryShelf(): Shelf {
  const kept = new Map<string, unknown>();
  return {
    get: (drawer, name) => Promise.resolve(kept.get(`${drawer} ${name}`)),
    put: (drawer, name, value) => Promise.resolve(void kept.set(`${drawer} ${name}`, value)),
    drop: (drawer, name) => Promise.resolve(void kept.delete(`${drawer} ${name}`)),
  };
}

const DRAWERS: Drawer[] = ['keys', 'directory', 'drafts'];

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open('xinglin-seals', 1);
    asked.onupgradeneeded = () => DRAWERS.forEach((name) => asked.result.createObjectStore(name));
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error('IndexedDB'));
  });
}

/** IndexedDB: it keeps CryptoKeys as they are, so that a private half never turns into bytes again. */
export function diskShelf(): Shelf {
  let database: Promise<IDBDatabase> | null = null;
  async function run<T>(drawer: Drawer, mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    database ??= opened();
    const transaction = (await database).transaction(drawer, mode);
    return new Promise((resolve, reject) => {
      const asked = ask(transaction.objectStore(drawer));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB'));
    });
  }
  return {
    get: (drawer, name) => run<unknown>(drawer, 'readonly', (store) => store.get(name) as IDBRequest<unknown>),
    put: async (drawer, name, value) => {
      await run(drawer, 'readwrite', (store) => store.put(value, name));
    },
    drop: async (drawer, name) => run(drawer, 'readwrite', (store) => store.delete(name)),
  };
}
