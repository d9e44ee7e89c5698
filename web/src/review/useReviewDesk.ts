/** What the reading area needs of a review: which lesion is in hand, the tool, the keys. */
import { useCallback, useLayoutEffect, useRef, useState } from 'react';
import type { Outlines, Study } from '../api/types';
import type { Frame } from '../viewer/frames';
import type { Tool } from '../viewer/interaction';
import type { EditTool } from './hand';
import { areaOf } from './outline';
import { useReview } from './useReview';
import { accepted, acceptedRest, drawn, itemOf, rejected } from './work';

interface Desk {
  study: Study;
  /** Of the analysed series. */
  frames: readonly Frame[];
  outlines: Outlines | null;
  selected: number | null;
  choose: (id: number) => void;
  left: Tool;
  setLeft: (tool: Tool) => void;
  /** Bring a slice of the analysed series on the screen. */
  show: (slice: number | null) => void;
  /** Key of the frame that is looked at. */
  look: () => string | null;
}

export function useReviewDesk({ study, frames, outlines, selected, choose, setLeft, show, look }: Desk) {
  const [own, setOwn] = useState<number | null>(null);
  const [asking, setAsking] = useState<number | null>(null);
  const order = frames.map((frame) => frame.key);
  const review = useReview({ study, order, outlines, selected: own ?? selected });
  const { work, editing, change, start, stop, hand, choose: chooseTool } = review;
  const open = work !== null;
  const at = own ?? selected;
  const latest = useRef({ work, order, show, at });
  // Before the next key or stroke: an ordinary effect may run only after it.
  useLayoutEffect(() => {
    latest.current = { work, order, show, at };
  });

  /** The lesion's slice with its largest outline. */
  const select = useCallback(
    (id: number) => {
      const now = latest.current;
      setOwn(id);
      setAsking(null);
      choose(id);
      const item = now.work === null ? undefined : itemOf(now.work, id);
      if (item === undefined) return;
      const areas = now.order.map((frame) => areaOf(item.frames[frame] ?? []));
      const most = Math.max(0, ...areas);
      if (most > 0) now.show(areas.indexOf(most));
    },
    [choose],
  );
  const step = (by: 1 | -1) => {
    const items = work?.items ?? [];
    const index = items.findIndex((item) => item.id === at);
    const next = items[index < 0 ? (by === 1 ? 0 : items.length - 1) : (index + by + items.length) % items.length];
    if (next !== undefined) select(next.id);
  };
  // Whoever presses Edit means a lesion: the first one, where none was chosen.
  const first = work?.items[0]?.id ?? null;
  if (editing && at === null && first !== null) setOwn(first);
  // A lesion that was just added is the one in hand.
  const newest = work?.items.at(-1);
  const [seen, setSeen] = useState(0);
  if (work !== null && seen !== work.items.length) {
    setSeen(work.items.length);
    if (seen > 0 && work.items.length > seen && newest !== undefined && Object.keys(newest.frames).length === 0) setOwn(newest.id);
  }

  const take = useCallback(
    (tool: EditTool) => {
      chooseTool(tool);
      setLeft('edit');
    },
    [chooseTool, setLeft],
  );
  const toggle = useCallback(() => {
    if (editing) {
      stop();
      setLeft('window');
    } else {
      void start();
      setLeft('edit');
    }
  }, [editing, setLeft, start, stop]);
  const deleteContour = useCallback(() => {
    const frame = look();
    const id = latest.current.at;
    if (frame !== null && id !== null) change((old) => (itemOf(old, id)?.frames[frame] === undefined ? old : drawn(old, id, frame, [])));
  }, [change, look]);

  const whileEditing = {
    'review.brush': () => take('brush'),
    'review.eraser': () => take('eraser'),
    'review.freehand': () => take('freehand'),
    'review.spline': () => take('spline'),
    'review.sculpt': () => take('sculpt'),
    'review.cut': () => take('cut'),
    'review.smaller': () => review.bigger(-1),
    'review.bigger': () => review.bigger(1),
    'review.interpolate': () => void review.interpolate(),
    'review.accept': () => at !== null && change((old) => accepted(old, at)),
    'review.reject': () => {
      const item = work === null ? undefined : itemOf(work, at);
      if (item === undefined) return;
      if (item.decision === 'added') change((old) => rejected(old, item.id, 'other'));
      else setAsking(item.id);
    },
    'review.acceptRest': () => change(acceptedRest),
    'view.measureRemove': deleteContour,
    'view.undo': review.undo,
    'view.redo': review.redo,
  };
  const commands: Record<string, () => void> = review.mayEdit ? { 'review.edit': toggle, ...(editing ? whileEditing : {}) } : {};
  return { review, open, selected: at, select, step, take, toggle, deleteContour, asking, setAsking, commands, hand };
}
