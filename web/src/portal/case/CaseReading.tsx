/** Pictures of a case from its sealed frame groups, with the result sets that came with it. */
import { useEffect, useMemo, useReducer, useState } from 'react';
import type { OutlineLine, SeriesSummary } from '../../api/types';
import { useCommands } from '../../app/keys';
import { navigate } from '../../app/router';
import { useTexts } from '../../i18n';
import { SeriesList } from '../../study/SeriesList';
import { Toolbar } from '../../study/Toolbar';
import { viewerCommands } from '../../study/viewerCommands';
import { Loading, Notice } from '../../ui/states';
import { shownFrame } from '../../viewer/frames';
import type { Tool } from '../../viewer/interaction';
import { bestSlice, stepLesion } from '../../viewer/lesions';
import { firstPreset } from '../../viewer/presets';
import { passed } from '../../viewer/timing';
import { reelOf, useCine } from '../../viewer/useCine';
import { useDrawing } from '../../viewer/useDrawing';
import { usePane } from '../../viewer/usePane';
import { Viewport } from '../../viewer/Viewport';
import { useSealFailureText } from '../failure';
import { SealRefused } from '../seals';
import { findingsOf, outlinesOf, sealedFrames, seriesOf, SCHEME, textOf, type CaseFindings, type CaseIndex, type CaseObject, type ResultSet, type SealedSeries } from './bundle';
import type { CaseProps } from './CasePage';
import { CasePanels } from './CasePanels';
import { frameStore, type FrameStore } from './frameStore';
import { outlinesIn, SetList, useSetName } from './SetList';
import type { CaseRead } from './useCase';

export interface StudyPictures {
  n: number;
  label: string;
  prior: boolean;
  series: SealedSeries[];
}

/** A heavier series first; the reader chooses others. */
function firstOf(studies: readonly StudyPictures[]): { study: number; uid: string } | null {
  const study = studies.find((one) => !one.prior && one.series.some((series) => series.frames.length > 0)) ?? studies[0];
  const series = [...(study?.series ?? [])].sort((a, b) => b.frames.length - a.frames.length)[0];
  return study === undefined || series === undefined ? null : { study: study.n, uid: series.series_uid };
}

interface Bundle {
  studies: StudyPictures[];
  sets: ResultSet[];
  findings: CaseFindings[];
  store: FrameStore;
  /** Address of the AI's heat map of a radiograph, made here from what was opened; null where none came. */
  heat: string | null;
  failures: { title: string; error: SealRefused }[];
}

async function readStudies(index: CaseIndex, open: CaseRead['open'], failures: Bundle['failures']): Promise<StudyPictures[]> {
  const manifests = index.objects.filter((object) => object.kind === 'manifest');
  const read = await Promise.all(
    manifests.map(async (object) => {
      try {
        const n = Number(object.position['study'] ?? 0);
        const study = index.studies.find((one) => one.n === n);
        return { n, prior: study?.prior ?? false, label: `${study?.study_date ?? ''} ${study?.modality ?? ''}`.trim(), series: seriesOf(await textOf(object, await open(object))) };
      } catch (error) {
        if (error instanceof SealRefused) failures.push({ title: object.title, error });
        else throw error;
        return null;
      }
    }),
  );
  return read.filter((one) => one !== null).sort((a, b) => Number(a.prior) - Number(b.prior) || a.n - b.n);
}

/** Pictures first; outlines and findings when the first picture need not wait for them. */
function useBundle(index: CaseIndex | null, open: CaseRead['open']): { bundle: Bundle | null; error: unknown } {
  const [bundle, setBundle] = useState<Bundle | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    if (index === null) return;
    const stop = new AbortController();
    const left = () => stop.signal.aborted;
    let made: string | null = null;
    const failures: Bundle['failures'] = [];
    const tolerant = async <T,>(object: CaseObject, read: (json: string) => T): Promise<T | null> => {
      try {
        return read(await textOf(object, await open(object)));
      } catch (failure) {
        if (failure instanceof SealRefused) failures.push({ title: object.title, error: failure });
        return null;
      }
    };
    const read = async () => {
      const store = frameStore(index.objects, open);
      const door = await import('../../viewer/cornerstone');
      door.provideFrames(SCHEME, (imageId) => store.load(imageId));
      passed('case:viewer');
      const studies = await readStudies(index, open, failures);
      passed('case:manifests');
      if (left()) return;
      setBundle({ studies, sets: [], findings: [], store, heat: null, failures });
      const of = (kind: string) => index.objects.filter((object) => object.kind === kind);
      const sets = await Promise.all(of('outlines').map((object) => tolerant(object, (json) => outlinesOf(json, object))));
      const findings = await Promise.all(of('findings').map((object) => tolerant(object, (json) => findingsOf(json, object))));
      const picture = of('heatmap')[0];
      const heat = picture === undefined ? null : await open(picture).catch(() => null);
      if (heat !== null) made = URL.createObjectURL(new Blob([heat as Uint8Array<ArrayBuffer>], { type: 'image/png' }));
      if (!left()) setBundle({ heat: made, studies, sets: sets.filter((one) => one !== null), findings: findings.filter((one) => one !== null), store, failures: [...failures] });
    };
    read().catch((failure: unknown) => {
      if (!left()) setError(failure);
    });
    return () => {
      stop.abort();
      if (made !== null) URL.revokeObjectURL(made);
    };
  }, [index, open]);
  return { bundle, error };
}

/** Outlines of result sets on one frame, each marked with whose it is; `all` gives each set its style. Pure. */
export function linesOn(frame: string | undefined, all: readonly ResultSet[], hidden: ReadonlySet<string>, nameOf: (set: ResultSet) => string): OutlineLine[] {
  if (frame === undefined) return [];
  const others = all.filter((set) => set.source !== 'ai');
  return all
    .filter((set) => !hidden.has(set.key))
    .flatMap((set) => {
      // One county set is "county"; of several each says its name.
      const told = set.source === 'ai' || others.length < 2 ? {} : { set: nameOf(set), nth: others.indexOf(set) };
      return (set.outlines.lines[frame] ?? []).map((line) => ({ ...line, source: set.source, ...told }));
    });
}

const flip = (hidden: ReadonlySet<string>, keys: readonly string[]): ReadonlySet<string> => {
  const shown = keys.some((key) => !hidden.has(key));
  return new Set([...[...hidden].filter((key) => !keys.includes(key)), ...(shown ? keys : [])]);
};

/** The heat map of a radiograph: there or not, shown or not. */
function useHeat(address: string | null): { shown: boolean | null; picture: string | null; toggle: () => void } {
  const [on, setOn] = useState(false);
  return { shown: address === null ? null : on, picture: on ? address : null, toggle: () => setOn(!on) };
}

/** Names of all series that came, a prior's marked as such. */
function useLabels(studies: readonly StudyPictures[], chosen: string | undefined): SeriesSummary[] {
  const { t } = useTexts();
  return studies.flatMap((one) =>
    one.series.map((entry) => ({ series_uid: entry.series_uid, modality: entry.modality, number: entry.number, description: `${one.prior ? `${t('case.prior')} ` : ''}${one.label} ${entry.description}`, instances: entry.frames.length, chosen: entry.series_uid === chosen })),
  );
}

/** The AI's findings of a study, else of any that came. */
function findingsFor(all: readonly CaseFindings[], study: number): CaseFindings | null {
  const ai = all.filter((one) => one.source === 'ai');
  return ai.find((one) => one.study === study) ?? ai[0] ?? null;
}

interface StageProps extends CaseProps {
  index: CaseIndex;
  bundle: Bundle;
  current: { study: number; uid: string };
  onSeries: (uid: string) => void;
}

function Stage({ data, read, me, index, bundle, current, onSeries }: StageProps) {
  const { t } = useTexts();
  const study = bundle.studies.find((one) => one.n === current.study) as StudyPictures;
  const series = study.series.find((one) => one.series_uid === current.uid) as SealedSeries;
  const consult = data.answer.row.id;
  const sources = useMemo(() => {
    const made = sealedFrames(consult, study.n, series);
    bundle.store.add(made.places);
    return made.sources;
  }, [consult, study.n, series, bundle.store]);
  const frames = useMemo(() => sources.map((source) => source.frame), [sources]);
  const [left, setLeft] = useState<Tool>('window');
  const [infoShown, toggleInfo] = useReducer((old: boolean) => !old, true);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [selected, setSelected] = useState<number | null>(null);
  const heat = useHeat(study.prior || frames.length !== 1 ? null : bundle.heat);
  const start = { at: Math.floor(frames.length / 2), preset: firstPreset(series.modality) };
  const hands = useDrawing();
  const [host, state, pane] = usePane(sources, start, left, hands);
  const cine = useCine(reelOf(state, sources, pane.goTo));
  const chooseTool = (tool: Tool) => {
    hands.step({ step: 'drop' });
    setLeft(tool);
  };

  const sets = useMemo(() => bundle.sets.filter((set) => set.outlines.series_uid === series.series_uid), [bundle.sets, series.series_uid]);
  const setName = useSetName();
  const findings = findingsFor(bundle.findings, study.n);
  const lesions = findings?.lesions ?? [];
  const ai = sets.find((set) => set.source === 'ai')?.outlines ?? null;

  function choose(id: number): void {
    setSelected(id);
    const lesion = lesions.find((one) => one.id === id);
    const slice = lesion === undefined ? null : bestSlice(lesion, frames, ai);
    if (slice !== null) pane.goTo(slice);
  }
  const step = (by: 1 | -1) => {
    const next = stepLesion(lesions, selected, by);
    if (next !== null) choose(next);
  };
  const keysOf = (source: ResultSet['source']) => sets.filter((set) => set.source === source).map((set) => set.key);
  const toggle = (source: ResultSet['source']) => setHidden((old) => flip(old, keysOf(source)));
  const shownOf = (source: ResultSet['source']) => (keysOf(source).length === 0 ? null : keysOf(source).some((key) => !hidden.has(key)));
  const all = bundle.studies.flatMap((one) => one.series.filter((entry) => entry.frames.length > 0).map((entry) => entry.series_uid));
  const stepSeries = (by: 1 | -1) => {
    const next = all[all.indexOf(series.series_uid) + by];
    if (next !== undefined) onSeries(next);
  };
  useCommands({
    ...viewerCommands(pane, () => ({ cine, frames, wanted: state.wanted }), hands.step, chooseTool),
    'view.seriesNext': () => stepSeries(1),
    'view.seriesPrevious': () => stepSeries(-1),
    'view.info': toggleInfo,
    'view.outlines': () => toggle('ai'),
    'view.county': () => toggle('county'),
    'view.heatmap': heat.toggle,
    'view.lesionNext': () => step(1),
    'view.lesionPrevious': () => step(-1),
    'view.back': () => navigate('/'),
  });

  const painted = shownFrame(frames, state.painted);
  const lines = linesOn(painted?.key, sets, hidden, setName);
  const labels = useLabels(bundle.studies, ai?.series_uid);
  const pictured = bundle.studies.flatMap((one) => one.series.filter((entry) => entry.frames.length > 0));
  const said = sets.map((set) => t(hidden.has(set.key) ? 'case.setHidden' : 'case.setShown', { set: setName(set), n: outlinesIn(set) }));
  const note = said.join(' · ') || t('case.noSets');
  return (
    <div className="reading">
      <SeriesList series={labels} pictured={pictured} current={series.series_uid} onChoose={onSeries} />
      <div className="stage">
        <Toolbar
          modality={series.modality}
          left={left}
          onLeft={chooseTool}
          pane={pane}
          onUndo={() => hands.step({ step: 'undo' })}
          onRedo={() => hands.step({ step: 'redo' })}
          playing={frames.length > 1 ? cine.playing : null}
          onCine={cine.toggle}
          infoShown={infoShown}
          onInfo={toggleInfo}
          outlinesShown={shownOf('ai')}
          onOutlines={() => toggle('ai')}
          onStep={step}
          heatShown={heat.shown}
          onHeat={heat.toggle}
          countyShown={shownOf('county')}
          onCounty={() => toggle('county')}
        />
        <Viewport
          host={host}
          state={state}
          frames={frames}
          hands={hands}
          tool={left}
          cine={cine}
          row={{ ...index.patient, patient_name: index.patient.name, patient_id: index.patient.id, institution: index.requester.hospital || data.answer.row.hospital_name, study_date: index.studies.find((one) => one.n === study.n)?.study_date ?? '', modality: series.modality }}
          seriesLabel={`${series.modality} ${series.number ?? ''} ${series.description}`}
          lines={lines}
          selected={selected}
          heatmap={heat.picture}
          onHeatMissing={() => undefined}
          aiNote={note}
          infoShown={infoShown}
          onGoTo={pane.goTo}
        />
      </div>
      <CasePanels data={data} read={read} me={me} index={index} findings={findings} besides={bundle.findings.filter((one) => one.source !== 'ai' && one.study === study.n)} sets={<SetList sets={sets} hidden={hidden} onToggle={(key) => setHidden((old) => flip(old, [key]))} />} failures={bundle.failures} selected={selected} onLesion={choose} />
    </div>
  );
}

export function CaseReading({ data, read, me }: CaseProps) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const { index, indexFailure } = data;
  const { bundle, error } = useBundle(index, read.open);
  const [chosen, setChosen] = useState<string | null>(null);
  if (data.answer.wraps.length === 0) return <Notice tone="info" title={t('case.noWrap')} />;
  if (indexFailure !== null) return <Notice tone="error" title={indexFailure instanceof SealRefused ? failureText(indexFailure) : t('case.broken')} />;
  if (error !== null) return <Notice tone="error" title={error instanceof SealRefused ? failureText(error) : t('case.broken')} />;
  if (index === null || bundle === null) return <Loading label={t('case.openingPictures')} />;
  const first = firstOf(bundle.studies);
  const study = bundle.studies.find((one) => one.series.some((series) => series.series_uid === chosen));
  const current = study !== undefined && chosen !== null ? { study: study.n, uid: chosen } : first;
  if (current === null) {
    return (
      <div className="reading reading-plain">
        <Notice tone="info" title={t('case.noPictures')} />
        <CasePanels data={data} read={read} me={me} index={index} findings={null} besides={[]} sets={null} failures={bundle.failures} selected={null} onLesion={() => undefined} />
      </div>
    );
  }
  return <Stage data={data} read={read} me={me} index={index} bundle={bundle} current={current} onSeries={setChosen} />;
}
