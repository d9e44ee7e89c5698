/** The reading area: series, picture, panels, and the keys that serve them. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Manifest, ManifestSeries, Outlines, Study } from '../api/types';
import { useCommands } from '../app/keys';
import { navigate } from '../app/router';
import { useTexts } from '../i18n';
import { Failure, Loading, Notice } from '../ui/states';
import { useRead, type Read } from '../ui/useRead';
import { framesOf } from '../viewer/frames';
import type { Tool } from '../viewer/interaction';
import { bestSlice, stepLesion } from '../viewer/lesions';
import { firstPreset, type PresetName } from '../viewer/presets';
import { usePane } from '../viewer/usePane';
import { Viewport } from '../viewer/Viewport';
import { Panels } from './Panels';
import { SeriesList } from './SeriesList';
import { Toolbar } from './Toolbar';

const NO_LINES: never[] = [];

function firstSeries(study: Study, manifest: Manifest): string | null {
  const pictured = manifest.series.filter((series) => series.instances.length > 0);
  const chosen = study.series.find((series) => series.chosen)?.series_uid;
  if (pictured.some((series) => series.series_uid === chosen)) return chosen ?? null;
  return [...pictured].sort((a, b) => b.instances.length - a.instances.length)[0]?.series_uid ?? null;
}

function useAiNote(study: Study, outlines: Outlines | null, seriesUid: string, shown: boolean): string {
  const { t } = useTexts();
  const { ai } = study.row;
  const analysis = study.analysis;
  if (ai !== 'ok' || analysis === null) return t(`note.${ai === 'ok' ? 'waiting' : ai}`);
  if (analysis.lesions === null) return analysis.tb === null ? t('note.nothingComputed') : t('note.tb', { score: analysis.tb.score.toFixed(2), threshold: analysis.tb.threshold.toFixed(2) });
  if (analysis.lesions.length === 0) return t('note.none');
  if (outlines !== null && outlines.series_uid !== seriesUid) return t('note.otherSeries', { n: analysis.lesions.length });
  return t(shown ? 'note.shown' : 'note.hidden', { n: analysis.lesions.length, model: `${analysis.method?.model ?? ''} ${analysis.method?.version ?? ''}`.trim() });
}

interface StageProps {
  study: Study;
  manifest: Manifest;
  seriesUid: string;
  onSeries: (uid: string) => void;
  onChanged: () => void;
}

function Stage({ study, manifest, seriesUid, onSeries, onChanged }: StageProps) {
  const { row, analysis } = study;
  const base = `/api/studies/${encodeURIComponent(row.study)}`;
  const pictured = useMemo(() => manifest.series.filter((entry) => entry.instances.length > 0), [manifest]);
  const series = pictured.find((entry) => entry.series_uid === seriesUid) as ManifestSeries;
  const sources = useMemo(() => framesOf(window.location.origin, row.study_uid, series), [row.study_uid, series]);
  const frames = useMemo(() => sources.map((source) => source.frame), [sources]);

  const lesions = useMemo(() => analysis?.lesions ?? [], [analysis]);
  const newest = study.results.find((result) => !result.superseded)?.version ?? 0;
  // Pictures first, outlines second: the version in the query reads them again after a new result.
  const outlines = useRead<Outlines>(lesions.length > 0 ? `${base}/outlines?version=${newest}` : null).data;
  const [selected, setSelected] = useState<number | null>(null);
  const [aiShown, setAiShown] = useState(true);
  const [heatShown, setHeatShown] = useState(false);
  const [left, setLeft] = useState<Tool>('window');
  const [goal, setGoal] = useState<number | null>(null);
  const preset: PresetName = firstPreset(series.modality);
  const start = { at: goal ?? Math.floor(frames.length / 2), preset };
  const [host, state, pane] = usePane(sources, start, left);
  const note = useAiNote(study, outlines, seriesUid, aiShown);
  const [heatMissing, setHeatMissing] = useState(false);
  const hasHeat = analysis?.tb != null && !heatMissing;

  function chooseNow(id: number): void {
    const lesion = lesions.find((entry) => entry.id === id);
    if (lesion === undefined) return;
    setSelected(id);
    const home = outlines?.series_uid ?? analysis?.series?.series_uid ?? seriesUid;
    if (home !== seriesUid) {
      const other = pictured.find((entry) => entry.series_uid === home);
      if (other === undefined) return;
      const there = framesOf(window.location.origin, row.study_uid, other).map((source) => source.frame);
      setGoal(bestSlice(lesion, there, outlines));
      onSeries(home);
      return;
    }
    const slice = bestSlice(lesion, frames, outlines);
    if (slice !== null) pane.goTo(slice);
  }
  // Painting redraws this component; what is handed down stays the same, so the panels do not redraw.
  const latest = useRef({ chooseNow, lesions, selected });
  useEffect(() => {
    latest.current = { chooseNow, lesions, selected };
  });
  const choose = useCallback((id: number) => latest.current.chooseNow(id), []);
  const step = useCallback((by: 1 | -1) => {
    const next = stepLesion(latest.current.lesions, latest.current.selected, by);
    if (next !== null) latest.current.chooseNow(next);
  }, []);
  const toggleAi = useCallback(() => setAiShown((old) => !old), []);
  const noHeat = useCallback(() => setHeatMissing(true), []);
  const toggleHeat = useCallback(() => setHeatShown((old) => !old), []);
  const changeSeries = useCallback(
    (uid: string) => {
      setGoal(null);
      onSeries(uid);
    },
    [onSeries],
  );
  const stepSeries = (by: 1 | -1) => {
    const at = pictured.findIndex((entry) => entry.series_uid === seriesUid);
    const next = pictured[at + by];
    if (next !== undefined) changeSeries(next.series_uid);
  };

  useCommands({
    'view.next': () => pane.goTo(state.wanted + 1),
    'view.previous': () => pane.goTo(state.wanted - 1),
    'view.first': () => pane.goTo(0),
    'view.last': () => pane.goTo(frames.length - 1),
    'view.seriesNext': () => stepSeries(1),
    'view.seriesPrevious': () => stepSeries(-1),
    'view.preset.lung': () => pane.preset('lung'),
    'view.preset.mediastinum': () => pane.preset('mediastinum'),
    'view.preset.bone': () => pane.preset('bone'),
    'view.preset.file': () => pane.preset('file'),
    'view.tool.window': () => setLeft('window'),
    'view.tool.zoom': () => setLeft('zoom'),
    'view.tool.pan': () => setLeft('pan'),
    'view.tool.scroll': () => setLeft('scroll'),
    'view.tool.length': () => setLeft('length'),
    'view.tool.angle': () => setLeft('angle'),
    'view.tool.probe': () => setLeft('probe'),
    'view.measureUndo': pane.undoMeasure,
    'view.invert': pane.invert,
    'view.reset': pane.reset,
    'view.outlines': toggleAi,
    'view.heatmap': () => hasHeat && toggleHeat(),
    'view.lesionNext': () => step(1),
    'view.lesionPrevious': () => step(-1),
    'view.back': () => navigate('/'),
  });

  const painted = state.painted === null ? undefined : frames[state.painted.index];
  const lines = aiShown && painted !== undefined ? (outlines?.lines[painted.key] ?? NO_LINES) : NO_LINES;
  return (
    <div className="reading">
      <SeriesList series={study.series} pictured={pictured} current={seriesUid} onChoose={changeSeries} />
      <div className="stage">
        <Toolbar
          modality={series.modality}
          left={left}
          onLeft={setLeft}
          pane={pane}
          outlinesShown={lesions.length > 0 ? aiShown : null}
          onOutlines={toggleAi}
          onStep={step}
          heatShown={hasHeat ? heatShown : null}
          onHeat={toggleHeat}
        />
        <Viewport
          host={host}
          state={state}
          frames={frames}
          row={row}
          seriesLabel={`${series.modality} ${series.number ?? ''} ${series.description}`}
          lines={lines}
          selected={selected}
          heatmap={hasHeat && heatShown ? `${base}/heatmap?version=${newest}` : null}
          onHeatMissing={noHeat}
          aiNote={note}
          onGoTo={pane.goTo}
        />
      </div>
      <Panels study={study} selected={selected} onSelect={choose} onChanged={onChanged} />
    </div>
  );
}

export function Reading({ study, manifest, onChanged }: { study: Study; manifest: Read<Manifest>; onChanged: () => void }) {
  const { t } = useTexts();
  const [chosen, setChosen] = useState<string | null>(null);
  if (manifest.data === null) {
    return manifest.error === null ? <Loading label={t('state.loadingImages')} /> : <Failure error={manifest.error} onRetry={manifest.reload} />;
  }
  const series = chosen ?? firstSeries(study, manifest.data);
  if (series === null) return <Notice tone="info" title={t('study.noImages')} />;
  return <Stage study={study} manifest={manifest.data} seriesUid={series} onSeries={setChosen} onChanged={onChanged} />;
}
