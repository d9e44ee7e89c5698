/** The reading area: series, pictures, panels, and the keys that serve them. */
import { Dropdown } from 'antd';
import { Fragment, useCallback, useLayoutEffect, useMemo, useReducer, useRef, useState, type ReactNode } from 'react';
import type { Lesion, Manifest, Outlines, Row, SeriesSummary, Study } from '../api/types';
import { useCommands } from '../app/keys';
import { navigate, usePlace } from '../app/router';
import { useHabits } from '../app/habits';
import { useTexts, type Texts } from '../i18n';
import { useQualityNote } from '../quality/QualityLine';
import { date } from '../ui/format';
import { Failure, Loading, Notice } from '../ui/states';
import { useRead, type Read } from '../ui/useRead';
import type { Tool } from '../viewer/interaction';
import { bestSlice, stepLesion } from '../viewer/lesions';
import { firstPreset } from '../viewer/presets';
import { ReviewBar } from '../review/ReviewBar';
import { ReviewOverlay } from '../review/ReviewOverlay';
import { CaseFacts } from '../review/CaseFacts';
import { ReviewPanel } from '../review/ReviewPanel';
import { useReviewDesk } from '../review/useReviewDesk';
import { MeasuredAloud, MeasuredLine, MeasurePanel } from '../measured/MeasurePanel';
import { useMeasured } from '../measured/useMeasured';
import { useDrawing } from '../viewer/useDrawing';
import { useMpr } from '../volume/useMpr';
import { MprButton, VolumeStage } from '../volume/VolumeStage';
import type { PaneControls } from '../viewer/usePane';
import { Cell, type CellHandle } from './Cell';
import { CELLS, LAYOUTS, partsOf, partsReducer, type Layout, type Parts } from './layout';
import type { Frame } from '../viewer/frames';
import { JointMarks, useJointMarks } from './JointMarks';
import { follows, naturalShift, shiftOf, type Shift } from './linking';
import { Panels } from './Panels';
import { baseOf, counterpart, usePictured, usePrior, useShown, type Prior, type Shown, type StudyPictures } from './pictures';
import { SeriesList } from './SeriesList';
import { Toolbar, ToolButton } from './Toolbar';
import { viewerCommands } from './viewerCommands';

const NO_LINES: never[] = [];

function firstSeries(study: Study, manifest: Manifest): string | null {
  const pictured = manifest.series.filter((series) => series.instances.length > 0);
  const chosen = study.series.find((series) => series.chosen)?.series_uid;
  if (pictured.some((series) => series.series_uid === chosen)) return chosen ?? null;
  return [...pictured].sort((a, b) => b.instances.length - a.instances.length)[0]?.series_uid ?? null;
}

/** What stands where outlines would be, for each series that is shown. */
function useAiNote(study: Study, outlines: Outlines | null, shown: boolean): (seriesUid: string) => string {
  const { t } = useTexts();
  return (seriesUid) => aiNoteOf(study, outlines, seriesUid, shown, t);
}

function aiNoteOf(study: Study, outlines: Outlines | null, seriesUid: string, shown: boolean, t: Texts['t']): string {
  const { ai } = study.row;
  const analysis = study.analysis;
  if (ai !== 'ok' || analysis === null) return t(`note.${ai === 'ok' ? 'waiting' : ai}`);
  if (analysis.lesions === null) return analysis.tb === null ? t('note.nothingComputed') : t('note.tb', { score: analysis.tb.score.toFixed(2), threshold: analysis.tb.threshold.toFixed(2) });
  if (analysis.lesions.length === 0) return t('note.none');
  if (outlines !== null && outlines.series_uid !== seriesUid) return t('note.otherSeries', { n: analysis.lesions.length });
  return t(shown ? 'note.shown' : 'note.hidden', { n: analysis.lesions.length, model: `${analysis.method?.model ?? ''} ${analysis.method?.version ?? ''}`.trim() });
}

/** Serves whichever part is active: a part's controls come and go, the toolbar's stay. */
function activePane(handle: () => CellHandle | null): PaneControls {
  return {
    goTo: (index) => handle()?.pane.goTo(index),
    preset: (name) => handle()?.pane.preset(name),
    setWindow: (window) => handle()?.pane.setWindow(window),
    invert: () => handle()?.pane.invert(),
    reset: () => handle()?.pane.reset(),
    zoomBy: (factor) => handle()?.pane.zoomBy(factor),
    rotate: (degrees) => handle()?.pane.rotate(degrees),
    flip: (way) => handle()?.pane.flip(way),
    removeMeasure: () => handle()?.pane.removeMeasure(),
  };
}

/** The parts of the reading area: what they show, which is active, how they scroll together. */
function useParts(first: string) {
  const [parts, step] = useReducer(partsReducer, first, partsOf);
  const handles = useRef(new Map<number, CellHandle>());
  const shifts = useRef(new Map<string, Shift>());
  const reference = useRef<readonly Frame[]>(NO_LINES);
  const [playing, setPlaying] = useState(false);
  const now = useRef(parts);
  // Before the next key or stroke: an ordinary effect may run only after it.
  useLayoutEffect(() => {
    now.current = parts;
  });
  const active = useCallback(() => handles.current.get(now.current.active) ?? null, []);
  const pane = useMemo(() => activePane(active), [active]);
  const onHandle = useCallback(
    (cell: number, handle: CellHandle | null) => {
      if (handle === null) handles.current.delete(cell);
      else handles.current.set(cell, handle);
      if (handle !== null && now.current.cells[cell] === first) reference.current = handle.frames;
      if (cell === now.current.active) setPlaying(handle?.cine.playing ?? false);
    },
    [first],
  );
  const shiftAt = useCallback((cell: number, frames: readonly Frame[]): Shift => shifts.current.get(now.current.cells[cell] ?? '') ?? naturalShift(reference.current, frames), []);
  /** The slice of a part that belongs to where the active one stands; null where they do not go together. */
  const besideActive = useCallback(
    (cell: number, frames: readonly Frame[]): number | null => {
      const lead = active();
      if (!now.current.linked || lead === null || cell === now.current.active) return null;
      return follows(reference.current, { frames: lead.frames, at: lead.wanted, shift: shiftAt(now.current.active, lead.frames) }, { frames, shift: shiftAt(cell, frames) });
    },
    [active, shiftAt],
  );
  const onMoved = useCallback(
    (cell: number) => {
      if (cell !== now.current.active) return;
      for (const [index, other] of handles.current) {
        const to = besideActive(index, other.frames);
        if (to !== null && to !== other.wanted) other.pane.goTo(to);
      }
    },
    [besideActive],
  );
  /** From where the parts stand now is how they go on together. */
  const relink = useCallback(() => {
    const lead = active();
    if (lead !== null && !now.current.linked) {
      const standing = { frames: lead.frames, at: lead.wanted, shift: shiftAt(now.current.active, lead.frames) };
      for (const [cell, other] of handles.current) {
        const uid = now.current.cells[cell];
        if (cell !== now.current.active && uid !== undefined) shifts.current.set(uid, shiftOf(reference.current, standing, { frames: other.frames, at: other.wanted }));
      }
    }
    step({ step: 'link', linked: !now.current.linked });
  }, [active, shiftAt]);
  return { parts, step, handles, active, pane, playing, onHandle, onMoved, relink, besideActive };
}

interface StageProps {
  study: Study;
  manifest: Manifest;
  first: string;
  onChanged: () => void;
}

/** Which priors there are: loading, not to be had, none and some are four different states. */
function PriorChoice({ read, onCompare }: { read: Read<{ priors: Prior[] }>; onCompare: (row: Row) => void }) {
  const { t } = useTexts();
  const priors = read.data?.priors;
  if (priors === undefined) return <ToolButton keyName="⇧P" sign="compare" label={t(read.error === null ? 'prior.loading' : 'prior.failed')} onClick={read.reload} disabled={read.error === null} />;
  // Whose sex or birth date differs is never opened by a key, only by choosing it.
  const latest = priors.find((one) => one.contradicts === '');
  if (priors.length === 0) return <ToolButton keyName="⇧P" sign="compare" label={t('prior.none')} onClick={() => undefined} disabled />;
  return (
    <div className="group reading-only" role="group" aria-label={t('prior.title')}>
      {latest !== undefined && <ToolButton keyName="⇧P" sign="compare" label={t('tool.compare')} onClick={() => onCompare(latest)} />}
      {(priors.length > 1 || latest === undefined) && (
        <Dropdown trigger={['click']} menu={{ items: priors.map((row) => ({ key: row.study, label: `${row.contradicts === '' ? '' : `⚠ ${t('prior.contradicts')} `}${date(row.study_date)} ${row.modality} ${row.description}`, onClick: () => onCompare(row) })) }}>
          <button type="button" className="tool" aria-label={t('prior.choose')}>
            ▾
          </button>
        </Dropdown>
      )}
    </div>
  );
}

/** The heat map of a radiograph: there or not, shown or not. */
function useHeatMap(study: Study, version: number) {
  const [on, setOn] = useState(false);
  const [gone, setGone] = useState(false);
  const there = study.analysis?.tb != null && !gone;
  const toggle = useCallback(() => setOn((old) => !old), []);
  const missing = useCallback(() => setGone(true), []);
  return { shown: there ? on : null, picture: there && on ? `${baseOf(study.row.study)}/heatmap?version=${version}` : null, toggle, missing };
}

/** What the AI found on the study's pictures. Pictures first, outlines second: the version in the query reads them again after a new result. */
function useFound(study: Study) {
  const { analysis } = study;
  const lesions = useMemo(() => analysis?.lesions ?? [], [analysis]);
  const newest = study.results.find((result) => !result.superseded)?.version ?? 0;
  const outlines = useRead<Outlines>(lesions.length > 0 ? `${baseOf(study.row.study)}/outlines?version=${newest}` : null).data;
  return { lesions, newest, outlines, home: outlines?.series_uid ?? analysis?.series?.series_uid ?? null };
}

/** Which lesion is chosen; `show` brings it on the screen. */
function useLesions(lesions: readonly Lesion[], show: (lesion: Lesion) => void) {
  const [selected, setSelected] = useState<number | null>(null);
  // Painting redraws the parts only; what is handed to the panels stays the same, so they do not redraw.
  const latest = useRef({ lesions, selected, show });
  // Before the next key or stroke: an ordinary effect may run only after it.
  useLayoutEffect(() => {
    latest.current = { lesions, selected, show };
  });
  const choose = useCallback((id: number) => {
    const lesion = latest.current.lesions.find((entry) => entry.id === id);
    if (lesion === undefined) return;
    setSelected(id);
    latest.current.show(lesion);
  }, []);
  const stepTo = useCallback(
    (by: 1 | -1) => {
      const next = stepLesion(latest.current.lesions, latest.current.selected, by);
      if (next !== null) choose(next);
    },
    [choose],
  );
  return { selected, choose, stepTo };
}

function useSeriesLabels(own: readonly SeriesSummary[], before: StudyPictures | null): SeriesSummary[] {
  const { t } = useTexts();
  return useMemo(() => {
    const mark = before === null ? '' : `${t(before.mark)} ${date(before.row.study_date)}`;
    const priors = (before?.pictured ?? NO_LINES).map((entry) => ({ series_uid: entry.series_uid, modality: entry.modality, number: entry.number, description: `${mark} ${entry.description}`, instances: entry.instances.length, chosen: false }));
    return [...own, ...priors];
  }, [own, before, t]);
}

type CellOf = (index: number, cell: Shown, of: StudyPictures) => ReactNode;

/** The parts in their places; one whose pictures are on the way says so. */
function PartCells({ parts, shown, current, prior, render }: { parts: Parts; shown: ReadonlyMap<string, Shown>; current: StudyPictures; prior: StudyPictures | null; render: CellOf }) {
  const { t } = useTexts();
  return (
    <div className={`parts parts-${parts.layout}`} data-testid="parts">
      {parts.cells.slice(0, CELLS[parts.layout]).map((uid, index) => {
        const cell = shown.get(uid);
        const of = cell?.prior === true ? prior : current;
        return <Fragment key={index}>{cell === undefined || of === null ? <Loading label={t('prior.loading')} /> : render(index, cell, of)}</Fragment>;
      })}
    </div>
  );
}

/** The prior beside what is read: which there are, and which is chosen. */
function usePriors({ study, study_date }: Row) {
  const read = useRead<{ priors: Prior[] }>(`${baseOf(study)}/priors`);
  const [chosen, setChosen] = useState<{ row: Row; laid: boolean } | null>(null);
  const prior = usePrior(chosen?.row ?? null, study_date);
  // A link of the panel names the study to lay beside this one.
  const asked = new URLSearchParams(usePlace().search).get('beside');
  const [taken, setTaken] = useState<string | null>(null);
  if (asked !== taken && (asked === null || read.data !== null)) {
    setTaken(asked);
    const row = read.data?.priors.find((one) => one.study === asked);
    if (row !== undefined) setChosen({ row, laid: false });
  }
  const compare = useCallback((row: Row) => setChosen({ row, laid: false }), []);
  const compareLatest = () => {
    const latest = read.data?.priors.find((one) => one.contradicts === '');
    if (latest !== undefined) compare(latest);
  };
  /** True once, when the chosen prior's list of images is here. */
  const arrived = chosen !== null && !chosen.laid && prior.pictures?.row === chosen.row;
  const laid = () => setChosen((old) => (old === null ? null : { ...old, laid: true }));
  return { read, prior, compare, compareLatest, arrived, laid };
}

/** The series to lay side by side; null where the prior has none. */
function pairOf(shown: ReadonlyMap<string, Shown>, looked: string, first: string): { left: string; right: string } | null {
  const active = shown.get(looked);
  const own = active?.prior === false ? active : shown.get(first);
  const before = [...shown.values()].filter((entry) => entry.prior).map((entry) => entry.series);
  const other = own === undefined ? null : counterpart(own.series, before);
  return own === undefined || other === null ? null : { left: own.series.series_uid, right: other.series_uid };
}

function Stage({ study, manifest, first, onChanged }: StageProps) {
  const { t } = useTexts();
  const { row } = study;
  const { lesions, newest, outlines, home } = useFound(study);
  const heat = useHeatMap(study, newest);
  const pictured = usePictured(manifest);
  const current = useMemo<StudyPictures>(() => ({ row, prior: false, mark: 'prior.mark', pictured, outlines }), [row, pictured, outlines]);
  const { read: priors, prior, compare, compareLatest, arrived, laid } = usePriors(row);
  const shown = useShown(current, prior.pictures);
  const joint = useJointMarks(row.study, prior.pictures);

  const drawing = useDrawing();
  const drawStep = drawing.step;
  const [aiShown, setAiShown] = useState(true);
  const [left, setLeft] = useState<Tool>(useHabits().mouse.left);
  const [goal, setGoal] = useState<number | null>(null);
  const { parts, step, active, handles, pane, playing, onHandle, onMoved, relink, besideActive } = useParts(first);
  const seriesUid = parts.cells[parts.active] ?? first;
  const looked = shown.get(seriesUid);
  const qualityNote = useQualityNote(study.quality);
  const note = useAiNote(study, outlines, aiShown);

  if (arrived) {
    laid();
    const pair = pairOf(shown, seriesUid, first);
    if (pair !== null) step({ step: 'compare', ...pair });
  }

  const showSeries = useCallback((uid: string) => step({ step: 'show', uid }), [step]);
  const goTo = (home: string, slice: number | null) => {
    const at = parts.cells.slice(0, CELLS[parts.layout]).indexOf(home);
    if (at < 0) {
      setGoal(slice);
      showSeries(home);
    } else if (slice !== null) handles.current.get(at)?.pane.goTo(slice);
  };
  const { selected, choose, stepTo } = useLesions(lesions, (lesion) => {
    const where = home ?? seriesUid;
    const there = shown.get(where);
    if (there !== undefined) goTo(where, bestSlice(lesion, there.sources.map((source) => source.frame), outlines));
  });
  const order = useMemo(() => [...shown.keys()], [shown]);
  const homeFrames = useMemo(() => shown.get(home ?? first)?.sources.map((source) => source.frame) ?? NO_LINES, [shown, home, first]);
  const desk = useReviewDesk({ study, frames: homeFrames, outlines, selected, choose, left, setLeft, show: (slice) => goTo(home ?? first, slice), look: () => active()?.frames[active()?.wanted ?? 0]?.key ?? null });
  const { review } = desk;
  const mpr = useMpr();
  const measured = useMeasured(row.study, prior.pictures, shown, drawing);
  const kept = measured.drawings;
  const hands = useMemo(() => ({ ...drawing, edit: review.hand, kept }), [drawing, review.hand, kept]);
  const toggleAi = useCallback(() => setAiShown((old) => !old), []);
  const [infoShown, toggleInfo] = useReducer((old: boolean) => !old, true);
  const undo = useCallback(() => drawStep({ step: 'undo' }), [drawStep]);
  const redo = useCallback(() => drawStep({ step: 'redo' }), [drawStep]);
  const cine = useCallback(() => active()?.cine.toggle(), [active]);
  const setLayout = useCallback((layout: Layout) => step({ step: 'layout', layout, series: order }), [step, order]);
  const changeSeries = useCallback(
    (uid: string) => {
      setGoal(null);
      showSeries(uid);
    },
    [showSeries],
  );
  const chooseTool = useCallback(
    (tool: Tool) => {
      drawStep({ step: 'drop' });
      setLeft(tool);
    },
    [drawStep],
  );
  const stepSeries = (by: 1 | -1) => {
    const next = order[order.indexOf(seriesUid) + by];
    if (next !== undefined) changeSeries(next);
  };
  useCommands({
    ...viewerCommands(pane, active, drawStep, chooseTool),
    'view.seriesNext': () => stepSeries(1),
    'view.seriesPrevious': () => stepSeries(-1),
    'view.layout': () => setLayout(LAYOUTS[(LAYOUTS.indexOf(parts.layout) + 1) % LAYOUTS.length] ?? '1x1'),
    'view.partNext': () => step({ step: 'activate', cell: (parts.active + 1) % CELLS[parts.layout] }),
    'view.link': () => CELLS[parts.layout] > 1 && relink(),
    'view.compare': compareLatest,
    'view.measuresSend': () => void measured.current.send(),
    'view.info': toggleInfo,
    'view.outlines': toggleAi,
    'view.heatmap': heat.toggle,
    'view.lesionNext': () => (desk.open ? desk.step(1) : stepTo(1)),
    'view.lesionPrevious': () => (desk.open ? desk.step(-1) : stepTo(-1)),
    'view.back': () => navigate('/'),
    ...mpr.serve(desk.commands),
  });

  const cellOf: CellOf = (index, cell, of) => (
    <Cell
      cell={index}
      active={index === parts.active}
      sources={cell.sources}
      start={{ at: (index === parts.active ? goal : null) ?? Math.floor(cell.sources.length / 2), preset: firstPreset(cell.series.modality) }}
      left={left}
      hands={hands}
      row={{ ...of.row, modality: cell.series.modality }}
      seriesLabel={`${cell.prior ? `${t(of.mark)} · ` : ''}${cell.series.modality} ${cell.series.number ?? ''} ${cell.series.description}`}
      linesOf={(frame) => (aiShown ? (of.outlines?.lines[frame] ?? NO_LINES) : NO_LINES)}
      selected={cell.prior ? null : selected}
      heatmap={!cell.prior && cell.sources.length === 1 ? heat.picture : null}
      onHeatMissing={heat.missing}
      aiNote={cell.prior ? t(of.mark) : note(cell.series.series_uid)}
      qualityNote={cell.prior ? '' : qualityNote}
      infoShown={infoShown}
      onActivate={(chosen) => step({ step: 'activate', cell: chosen })}
      onHandle={onHandle}
      onMoved={onMoved}
      beside={besideActive}
      over={(painted, frame) => (
        <>
          {!cell.prior && cell.series.series_uid === (home ?? first) && <ReviewOverlay review={review} painted={painted} frame={frame.key} selected={desk.selected} />}
          {joint !== null && aiShown && <JointMarks found={joint} modality={cell.series.modality} painted={painted} frame={frame} />}
        </>
      )}
    />
  );

  const labels = useSeriesLabels(study.series, prior.pictures);
  const all = useMemo(() => [...shown.values()].map((entry) => entry.series), [shown]);
  return (
    <div className="reading">
      <SeriesList series={labels} pictured={all} current={seriesUid} onChoose={changeSeries} />
      <div className="stage" inert={mpr.open}>
        <Toolbar
          modality={looked?.series.modality ?? ''}
          left={left}
          onLeft={chooseTool}
          pane={pane}
          onUndo={undo}
          onRedo={redo}
          playing={looked !== undefined && looked.sources.length > 1 ? playing : null}
          onCine={cine}
          infoShown={infoShown}
          onInfo={toggleInfo}
          outlinesShown={lesions.length > 0 ? aiShown : null}
          onOutlines={toggleAi}
          onStep={stepTo}
          heatShown={heat.shown}
          onHeat={heat.toggle}
          layout={parts.layout}
          onLayout={setLayout}
          linked={CELLS[parts.layout] > 1 ? parts.linked : null}
          onLink={relink}
        >
          <MprButton desk={mpr} looked={looked ?? null} />
          <PriorChoice read={priors} onCompare={compare} />
          <ReviewBar review={review} inHand={left === 'edit'} onTool={desk.take} onEdit={desk.toggle} onDelete={desk.deleteContour} />
        </Toolbar>
        {prior.error !== null && <Notice tone="error" title={t('prior.failed')} />}
        <MeasuredAloud measured={measured} />
        <PartCells parts={parts} shown={shown} current={current} prior={prior.pictures} render={cellOf} />
      </div>
      <VolumeStage desk={mpr} study={study} looked={looked ?? null} of={looked?.prior === true ? prior.pictures : current} aiShown={aiShown} left={left} onLeft={chooseTool} lesions={lesions} selected={selected} />
      <Panels study={study} selected={selected} onSelect={choose} onChanged={onChanged} measured={<MeasurePanel measured={measured} hands={drawing} onGoTo={(place) => goTo(place.uid, place.index)} />} measuredLine={<MeasuredLine measured={measured} />} measuredCount={measured.current.mine.length} reviewed={review.head !== null} reviewing={review.editing} facts={<CaseFacts base={review.base} facts={review.read?.facts ?? null} onSaved={review.reread} />} review={(changes) => <ReviewPanel review={review} lesions={lesions} changes={changes} selected={desk.selected} asking={desk.asking} onAsking={desk.setAsking} onSelect={desk.select} />} />
    </div>
  );
}

export function Reading({ study, manifest, onChanged }: { study: Study; manifest: Read<Manifest>; onChanged: () => void }) {
  const { t } = useTexts();
  if (manifest.data === null) {
    return manifest.error === null ? <Loading label={t('state.loadingImages')} /> : <Failure error={manifest.error} onRetry={manifest.reload} />;
  }
  const series = firstSeries(study, manifest.data);
  if (series === null) return <Notice tone="info" title={t('study.noImages')} />;
  return <Stage study={study} manifest={manifest.data} first={series} onChanged={onChanged} />;
}
