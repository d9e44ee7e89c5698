import { Button } from 'antd';
import { useEffect, useState, type ReactNode, type RefObject } from 'react';
import type { OutlineLine, Row } from '../api/types';
import { useTexts } from '../i18n';
import { date, fixed } from '../ui/format';
import type { Painted } from './cornerstone';
import { edgeLetters, shownFrame, slicePositionMm, type Frame } from './frames';
import type { Tool } from './interaction';
import { Loupe } from './Loupe';
import { toPane } from './measure';
import { Measures, valueUnit } from './Measures';
import { Overlay } from './Overlay';
import type { Cine } from './useCine';
import type { Hands } from './useDrawing';
import type { PaneState } from './usePane';

interface Props {
  host: RefObject<HTMLDivElement | null>;
  state: PaneState;
  frames: readonly Frame[];
  hands: Hands;
  tool: Tool;
  cine?: Cine;
  /** Whose picture: what stands in the corners. */
  row: Pick<Row, 'patient_name' | 'patient_id' | 'sex' | 'birth_date' | 'institution' | 'study_date' | 'modality'>;
  seriesLabel: string;
  lines: readonly OutlineLine[];
  selected: number | null;
  heatmap: string | null;
  /** The server has no heat map for this result. */
  onHeatMissing: () => void;
  /** What stands where outlines would be: never let "no outlines" look like "no lesion". */
  aiNote: string;
  /** What quality control warns of, also where the corners are hidden; nothing where it passed. */
  qualityNote?: string;
  onGoTo: (index: number) => void;
  /** Who and what stands in the corners; what the AI found and the value under the hand are always said. */
  infoShown?: boolean;
  /** What else lies over the picture (the hand of the AI review). */
  children?: ReactNode;
}

/** Is what is shown what was asked for? Silent when the picture is faithful. */
function Fidelity({ state }: { state: PaneState }) {
  const { t } = useTexts();
  if (state.broken !== null) {
    return (
      <div className="fidelity" role="alert">
        <p>✕ {t(state.broken === 'start' ? 'viewer.cannotStart' : 'viewer.contextLost')}</p>
        <Button size="small" onClick={() => window.location.reload()}>
          {t('viewer.reloadPage')}
        </Button>
      </div>
    );
  }
  if (state.trouble === null) return null;
  const wanted = state.wanted + 1;
  const shown = state.painted === null ? null : state.painted.index + 1;
  const text = state.trouble === 'reduced' ? t('viewer.frameReduced') : state.trouble === 'failed' ? t('viewer.frameFailed', { n: wanted }) : t('viewer.frameLoading', { n: wanted });
  return (
    <div className="fidelity" role="status">
      <p>
        {state.trouble === 'failed' ? '✕ ' : '… '}
        {text}
        {shown !== null && shown !== wanted && ` · ${t('viewer.stillShown', { n: shown })}`}
      </p>
    </div>
  );
}

/** Right edge: where in the stack, and what is loaded. */
function StackBar({ state, count, onGoTo }: { state: PaneState; count: number; onGoTo: (index: number) => void }) {
  const { t } = useTexts();
  const cells = Math.min(count, 120);
  const marks = Array.from({ length: cells }, (_, cell) => {
    const from = Math.floor((cell * count) / cells);
    const to = Math.max(from + 1, Math.floor(((cell + 1) * count) / cells));
    for (let index = from; index < to; index += 1) if (!state.loaded.has(index)) return false;
    return true;
  });
  return (
    <div
      className="stackbar"
      role="slider"
      tabIndex={-1}
      aria-label={t('viewer.stack')}
      aria-valuemin={1}
      aria-valuemax={count}
      aria-valuenow={state.wanted + 1}
      onPointerDown={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        onGoTo(Math.floor(((event.clientY - box.top) / box.height) * count));
      }}
    >
      {/* Width and height in the picture's own units: no inline style needed. */}
      <svg viewBox={`0 0 1 ${cells}`} preserveAspectRatio="none" aria-hidden="true">
        {marks.map((there, cell) => there && <rect key={cell} x="0" y={cell} width="1" height="1.02" className="there" />)}
        <rect x="0" y={(state.wanted / count) * cells} width="1" height={Math.max(cells / count, cells / 60)} className="here" />
      </svg>
    </div>
  );
}

/** Which way the patient lies. */
function Edges({ frame, painted }: { frame: Frame; painted: Painted }) {
  const edges = edgeLetters(frame, painted.matrix);
  if (edges === null) return null;
  return (
    <>
      <span className="edge edge-l">{edges.left}</span>
      <span className="edge edge-r">{edges.right}</span>
      <span className="edge edge-t">{edges.top}</span>
      <span className="edge edge-b">{edges.bottom}</span>
    </>
  );
}

/** What is always said, also where the corners are hidden: quality, AI, the value under the hand. */
function Notes({ probe, modality, aiNote, qualityNote }: { probe: PaneState['probe']; modality: string; aiNote: string; qualityNote: string }) {
  return (
    <div className="corner bottom left">
      {qualityNote !== '' && <span className="quality-note" data-testid="quality-note">{qualityNote}</span>}
      <span className="ai-note" data-testid="ai-note">{aiNote}</span>
      <br />
      {probe === null ? ' ' : `x ${probe.column}  y ${probe.row}  ${probe.value === null ? '—' : `${Math.round(probe.value)}${valueUnit(modality)}`}`}
    </div>
  );
}

function Corners({ state, frames, row, seriesLabel, aiNote, qualityNote = '', infoShown = true }: Pick<Props, 'state' | 'frames' | 'row' | 'seriesLabel' | 'aiNote' | 'qualityNote' | 'infoShown'>) {
  const { t } = useTexts();
  const { painted, probe } = state;
  const frame = shownFrame(frames, painted);
  const position = frame === undefined ? null : slicePositionMm(frame);
  const sex = row.sex === 'M' || row.sex === 'F' || row.sex === 'O' ? t(`sex.${row.sex}`) : '';
  return (
    <>
      {infoShown && (
        <>
          <div className="corner top left">
            <b>{row.patient_name}</b>
            <br />
            {row.patient_id} {sex}
            <br />
            {date(row.birth_date)}
          </div>
          <div className="corner top right">
            {row.institution}
            <br />
            {date(row.study_date)}
            <br />
            {seriesLabel}
          </div>
        </>
      )}
      <Notes probe={probe} modality={row.modality} aiNote={aiNote} qualityNote={qualityNote} />
      {infoShown && painted !== null && frame !== undefined && (
        <div className="corner bottom right" data-testid="frame-info">
          {painted.inverted && <>{t('viewer.inverted')}<br /></>}
          {t('viewer.windowShort')} {Math.round(painted.window.width)} / {Math.round(painted.window.centre)} · {Math.round(painted.scale * 100)}%
          <br />
          {position !== null && `${t('viewer.position')} ${fixed(position, 1)} mm`}
          {frame.thicknessMm != null && ` · ${t('viewer.thickness')} ${fixed(frame.thicknessMm, 2)} mm`}
          <br />
          <b>
            {frames.indexOf(frame) + 1} / {frames.length}
          </b>
        </div>
      )}
      {infoShown && painted !== null && frame !== undefined && <Edges frame={frame} painted={painted} />}
    </>
  );
}

/** Words of an arrow, written where its tail is. */
function NoteField({ hands, frame, state }: { hands: Hands; frame: Frame; state: PaneState }) {
  const { t } = useTexts();
  const arrow = hands.drawing.done.find((one) => one.id === hands.drawing.selected && one.kind === 'arrow' && one.frame === frame.key);
  const [typed, setTyped] = useState<{ id: string; text: string } | null>(null);
  const tail = arrow?.points[1];
  if (arrow === undefined || tail === undefined || state.painted === null) return null;
  const [left, top] = toPane(state.painted.matrix, [tail[0], tail[1]]);
  const text = typed?.id === arrow.id ? typed.text : arrow.text;
  const keep = () => {
    if (text.trim() !== arrow.text) hands.step({ step: 'text', id: arrow.id, text: text.trim() });
    hands.step({ step: 'select', id: null });
  };
  return (
    <input
      className="note-field"
      style={{ left: left + 8, top: top - 34 }}
      value={text}
      maxLength={200}
      placeholder={t('measure.note')}
      aria-label={t('measure.note')}
      data-testid="note-field"
      autoFocus
      onChange={(event) => setTyped({ id: arrow.id, text: event.target.value })}
      onBlur={keep}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing) return;
        if (event.key === 'Enter' || event.key === 'Escape') keep();
      }}
    />
  );
}

function CineMark({ cine }: { cine: Cine }) {
  const { t } = useTexts();
  if (!cine.playing) return null;
  return (
    <div className="cine-mark" role="status" data-testid="cine">
      ▶ {t('viewer.cine', { rate: cine.rate })}
      {cine.waiting && ` · ${t('viewer.cineWaits')}`}
    </div>
  );
}

export function Viewport(props: Props) {
  const { host, state, frames, hands, lines, selected, heatmap, onGoTo } = props;
  const { t } = useTexts();
  const frame = shownFrame(frames, state.painted);
  const paintedAt = state.painted?.index;
  const paintedFrame = state.painted?.frame;
  const reduced = state.painted?.reduced === true;
  const { drawnBy } = state;
  useEffect(() => {
    // A mark for tests and for measuring: which frame is really on the screen.
    if (host.current === null || paintedAt === undefined) return;
    host.current.dataset.painted = String(paintedAt);
    host.current.dataset.reduced = String(reduced);
    host.current.dataset.frame = paintedFrame;
    if (drawnBy !== null) host.current.dataset.drawnBy = drawnBy;
  }, [host, paintedAt, paintedFrame, reduced, drawnBy]);
  return (
    <section className="viewport" aria-label={t('viewer.label')}>
      <div className="pane" ref={host} data-testid="pane" />
      {state.painted !== null && frame !== undefined && <Overlay painted={state.painted} columns={frame.columns} rows={frame.rows} lines={lines} selected={selected} heatmap={heatmap} onHeatMissing={props.onHeatMissing} />}
      {state.painted !== null && frame !== undefined && <Measures drawing={hands.drawing} kept={hands.kept} painted={state.painted} frame={frame} modality={props.row.modality} pixels={state.pixels} />}
      {props.children}
      {state.loupe !== null && state.painted !== null && state.pixels !== null && <Loupe at={state.loupe} painted={state.painted} pixels={state.pixels} />}
      {frame !== undefined && props.tool === 'arrow' && <NoteField hands={hands} frame={frame} state={state} />}
      <Corners {...props} />
      {frames.length > 1 && <StackBar state={state} count={frames.length} onGoTo={onGoTo} />}
      {props.cine !== undefined && <CineMark cine={props.cine} />}
      <Fidelity state={state} />
    </section>
  );
}
