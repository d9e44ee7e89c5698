/** Uploads live above the pages: leaving the upload page does not stop them. */
import { createContext, useContext, useEffect, useRef, useState, type ReactNode } from 'react';
import type { UploadAnswer } from '../api/types';
import { useSession } from '../app/session';

export interface Tally {
  files: number;
  bytes: number;
  sentBytes: number;
  sentFiles: number;
  accepted: number;
  duplicates: number;
  quarantined: UploadAnswer['quarantined'];
  refused: UploadAnswer['refused'];
  failure: unknown;
  phase: 'running' | 'done' | 'failed' | 'stopped';
}

interface Uploads {
  tally: Tally | null;
  /** Whole percent while running, else null. */
  progress: number | null;
  start: (files: File[]) => void;
  retry: () => void;
  stop: () => void;
}

const UploadContext = createContext<Uploads | null>(null);
const BATCH_FILES = 50;
const BATCH_BYTES = 64 * 1024 * 1024;

/** Cut into requests of bounded size; one big file is a request of its own. */
export function batches<T extends { size: number }>(files: readonly T[], maxFiles = BATCH_FILES, maxBytes = BATCH_BYTES): T[][] {
  const out: T[][] = [];
  let current: T[] = [];
  let bytes = 0;
  for (const file of files) {
    if (current.length > 0 && (current.length >= maxFiles || bytes + file.size > maxBytes)) {
      out.push(current);
      current = [];
      bytes = 0;
    }
    current.push(file);
    bytes += file.size;
  }
  if (current.length > 0) out.push(current);
  return out;
}

const sizeOf = (files: readonly File[]) => files.reduce((sum, file) => sum + file.size, 0);

export function useUpload(): Uploads {
  const uploads = useContext(UploadContext);
  if (uploads === null) throw new Error('UploadContext missing');
  return uploads;
}

export function UploadProvider({ children }: { children: ReactNode }) {
  const { api } = useSession();
  const [tally, setTally] = useState<Tally | null>(null);
  const rest = useRef<File[][]>([]);
  const stopper = useRef<AbortController | null>(null);
  const running = tally?.phase === 'running';

  useEffect(() => {
    if (!running) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [running]);

  // A drop beside the box would make the browser leave the page and show the file.
  useEffect(() => {
    const refuse = (event: DragEvent) => event.preventDefault();
    window.addEventListener('dragover', refuse);
    window.addEventListener('drop', refuse);
    return () => {
      window.removeEventListener('dragover', refuse);
      window.removeEventListener('drop', refuse);
    };
  }, []);

  async function send(): Promise<void> {
    const stop = new AbortController();
    stopper.current = stop;
    for (let batch = rest.current[0]; batch !== undefined; batch = rest.current[0]) {
      const form = new FormData();
      for (const file of batch) form.append('files', file, file.webkitRelativePath === '' ? file.name : file.webkitRelativePath);
      const size = sizeOf(batch);
      const count = batch.length;
      let told = 0;
      const progress = (sent: number) => {
        // The form's own framing is not counted.
        const now = Math.min(sent, size);
        const more = now - told;
        told = now;
        setTally((old) => old && { ...old, sentBytes: old.sentBytes + more });
      };
      try {
        const answer = await api.upload<UploadAnswer>('/api/upload', form, progress, stop.signal);
        rest.current = rest.current.slice(1);
        progress(size);
        setTally((old) => old && { ...old, sentFiles: old.sentFiles + count, accepted: old.accepted + answer.accepted, duplicates: old.duplicates + answer.duplicates, quarantined: [...old.quarantined, ...answer.quarantined], refused: [...old.refused, ...answer.refused] });
      } catch (failure) {
        const back = told;
        setTally((old) => old && { ...old, sentBytes: old.sentBytes - back, failure, phase: stop.signal.aborted ? 'stopped' : 'failed' });
        return;
      }
    }
    setTally((old) => old && { ...old, phase: 'done' });
  }

  function start(files: File[]): void {
    if (files.length === 0) return;
    if (running) {
      // Added while running: they join the queue.
      rest.current = [...rest.current, ...batches(files)];
      setTally((old) => old && { ...old, files: old.files + files.length, bytes: old.bytes + sizeOf(files) });
      return;
    }
    rest.current = batches(files);
    setTally({ files: files.length, bytes: sizeOf(files), sentBytes: 0, sentFiles: 0, accepted: 0, duplicates: 0, quarantined: [], refused: [], failure: null, phase: 'running' });
    void send();
  }

  function retry(): void {
    setTally((old) => old && { ...old, failure: null, phase: 'running' });
    void send();
  }

  const progress = running ? Math.floor((100 * tally.sentBytes) / Math.max(1, tally.bytes)) : null;
  return <UploadContext.Provider value={{ tally, progress, start, retry, stop: () => stopper.current?.abort() }}>{children}</UploadContext.Provider>;
}
