/** One part of the reading area: a series in a pane, its corners, outlines, measurements and cine. */
import { useEffect, useMemo, useRef, type ReactNode } from 'react';
import type { OutlineLine, Row } from '../api/types';
import { useHabits } from '../app/habits';
import { Viewport } from '../viewer/Viewport';
import { shownFrame, type Frame, type FrameSource } from '../viewer/frames';
import type { Tool } from '../viewer/interaction';
import type { PresetName } from '../viewer/presets';
import type { Hands } from '../viewer/useDrawing';
import { reelOf, useCine, type Cine } from '../viewer/useCine';
import { usePane, type PaneControls } from '../viewer/usePane';
import type { Painted } from '../viewer/cornerstone';

/** What the reading area can do with a part. */
export interface CellHandle {
  pane: PaneControls;
  cine: Cine;
  frames: readonly Frame[];
  /** Frame that is asked for. */
  wanted: number;
}

interface Props {
  cell: number;
  active: boolean;
  sources: FrameSource[];
  start: { at: number; preset: PresetName };
  left: Tool;
  hands: Hands;
  row: Pick<Row, 'patient_name' | 'patient_id' | 'sex' | 'birth_date' | 'institution' | 'study_date' | 'modality'>;
  seriesLabel: string;
  linesOf: (frame: string) => readonly OutlineLine[];
  selected: number | null;
  heatmap: string | null;
  onHeatMissing: () => void;
  aiNote: string;
  qualityNote: string;
  infoShown: boolean;
  onActivate: (cell: number) => void;
  onHandle: (cell: number, handle: CellHandle | null) => void;
  /** The reader scrolled here. */
  onMoved: (cell: number) => void;
  /** The slice that goes with where the active part stands, for a series that opens beside it; null for none. */
  beside: (cell: number, frames: readonly Frame[]) => number | null;
  /** What else lies over the picture (the hand of the AI review). */
  over?: (painted: Painted, frame: Frame) => ReactNode;
}

const NO_LINES: never[] = [];

export function Cell(props: Props) {
  const { cell, active, sources, start, left, hands, onActivate, onHandle, onMoved, beside, linesOf } = props;
  const frames = useMemo(() => sources.map((source) => source.frame), [sources]);
  const [host, state, pane] = usePane(sources, { ...start, beside: () => beside(cell, frames) }, left, hands, useHabits().mouse);
  const { painted, wanted } = state;
  const cine = useCine(reelOf(state, sources, pane.goTo));
  useEffect(() => {
    onHandle(cell, { pane, cine, frames, wanted });
  });
  useEffect(() => () => onHandle(cell, null), [cell, onHandle]);
  const leads = useRef(active);
  useEffect(() => {
    leads.current = active;
  });
  useEffect(() => {
    if (leads.current) onMoved(cell);
  }, [cell, wanted, onMoved]);
  const frame = shownFrame(frames, painted);
  return (
    <div className={`cell${active ? ' active' : ''}`} data-cell={cell} data-active={active} onPointerDownCapture={() => onActivate(cell)}>
      <Viewport
        host={host}
        state={state}
        frames={frames}
        hands={hands}
        tool={left}
        cine={cine}
        row={props.row}
        seriesLabel={props.seriesLabel}
        lines={frame === undefined ? NO_LINES : linesOf(frame.key)}
        selected={props.selected}
        heatmap={props.heatmap}
        onHeatMissing={props.onHeatMissing}
        aiNote={props.aiNote}
        qualityNote={props.qualityNote}
        onGoTo={pane.goTo}
        infoShown={props.infoShown}
      >
        {painted !== null && frame !== undefined && props.over?.(painted, frame)}
      </Viewport>
    </div>
  );
}
