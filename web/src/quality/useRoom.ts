/** The room's stream, its heartbeat, and the bell. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { listen, type LiveState } from '../api/live';
import { useSession } from '../app/session';
import { useRead, type Read } from '../ui/useRead';
import { createAlarm, type Alarm } from './alarm';
import { lineStands, soundOf } from './room';
import type { Closing, RepeatRequest, RoomNews } from './types';

export interface Room {
  open: RepeatRequest[] | null;
  /** Is the line to the server alive at this moment? */
  stands: boolean;
  /** When the server was heard last, ms of this PC's clock; null: never. */
  heardMs: number | null;
  nowMs: number;
  /** The server's clock minus this PC's, which may be wrong. */
  aheadMs: number;
  read: Read<{ open: RepeatRequest[]; closed: RepeatRequest[]; closings: Closing[] }>;
}

const READ_AGAIN_MS = 60_000;

export function useRoom(): Room {
  const { me } = useSession();
  const [open, setOpen] = useState<RepeatRequest[] | null>(null);
  const [state, setState] = useState<LiveState>('connecting');
  const [heard, setHeard] = useState<{ at: number; beatS: number; aheadMs: number } | null>(null);
  const [nowMs, setNow] = useState(() => Date.now());
  const [changes, setChanges] = useState(0);
  const csrf = me?.csrf;
  useEffect(
    () =>
      listen<RoomNews>('/api/room/events', {
        onEvent: (news) => {
          setHeard({ at: Date.now(), beatS: news.beat_s, aheadMs: Date.parse(news.now) - Date.now() });
          setNow(Date.now());
          if (news.open === undefined) return;
          setOpen(news.open);
          setChanges((old) => old + 1);
        },
        onGap: () => undefined, // the stream begins with the whole list
        onState: setState,
      }),
    [csrf],
  );
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  // Also what keeps the seat of a page that nobody touches: the room's page is watched, not used.
  const read = useRead<{ open: RepeatRequest[]; closed: RepeatRequest[]; closings: Closing[] }>('/api/room', READ_AGAIN_MS, changes);
  const stands = lineStands(state, heard?.at ?? null, nowMs, heard?.beatS ?? 3);
  return { open, stands, heardMs: heard?.at ?? null, nowMs, aheadMs: heard?.aheadMs ?? 0, read };
}

const RING_EVERY_MS = 4000;

/** Rings while there is something to ring for; says whether this browser lets it be heard. */
export function useAlarm(stands: boolean, started: boolean, unseen: number, newest: string): { heard: boolean; test: () => void } {
  const alarm = useRef<Alarm | null>(null);
  const [heard, setHeard] = useState(false);
  const sound = soundOf(stands, started, unseen);
  useEffect(() => {
    const made = createAlarm();
    alarm.current = made;
    // A touch or a key anywhere on the page is what a browser wants before it lets a page sound.
    const touched = () => void made.unlock().then(setHeard);
    const look = window.setInterval(() => setHeard(made.heard()), 1000);
    touched();
    window.addEventListener('pointerdown', touched);
    window.addEventListener('keydown', touched);
    return () => {
      window.clearInterval(look);
      window.removeEventListener('pointerdown', touched);
      window.removeEventListener('keydown', touched);
      made.close();
    };
  }, []);
  useEffect(() => {
    if (sound === null) return;
    alarm.current?.ring(sound);
    const timer = window.setInterval(() => alarm.current?.ring(sound), RING_EVERY_MS);
    return () => window.clearInterval(timer);
  }, [sound, newest, heard]);
  const test = useCallback(() => {
    void alarm.current?.unlock().then((may) => {
      setHeard(may);
      if (may) alarm.current?.ring('test');
    });
  }, []);
  return { heard, test };
}
