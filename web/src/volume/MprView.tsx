/** Axial, coronal and sagittal of one series, linked by a crossing point; instead of the parts while it is open. */
import { Button, Progress } from 'antd';
import { useCallback, useEffect, useMemo, useReducer, type ReactNode } from 'react';
import type { OutlineLine } from '../api/types';
import { useTexts } from '../i18n';
import { Notice } from '../ui/states';
import type { FrameSource } from '../viewer/frames';
import type { Tool } from '../viewer/interaction';
import { PRESETS, type PresetName, type Window } from '../viewer/presets';
import type { Grid, Vector } from './grid';
import { mprOf, mprReducer, voxelAt, wayDown, type Mpr, type MprStep } from './mpr';
import { PlanePane, type Hot } from './PlanePane';
import { lieOf, PLANES, type Volume } from './reslice';
import { useVolume, type VolumeState } from './useVolume';

/** What the toolbar and the keys can do with the planes. */
export interface MprHandle {
  state: Mpr;
  step: (step: MprStep) => void;
  preset: (name: PresetName) => void;
  /** Scroll the active plane by so many layers; `Infinity` to its end. */
  scroll: (by: number) => void;
  reset: () => void;
}

interface Props {
  sources: readonly FrameSource[];
  preset: PresetName;
  left: Tool;
  title: readonly string[];
  unit: string;
  linesOf: (frame: string) => readonly OutlineLine[];
  selected: number | null;
  /** A place of the patient to go to; a new object goes there again. */
  focus: { at: Vector } | null;
  hot: Hot | null;
  onHandle: (handle: MprHandle | null) => void;
  onClose: () => void;
  /** What stands in the fourth place. */
  fourth: (grid: Grid, state: Mpr, volume: Volume, order: readonly number[]) => ReactNode;
}

function Waiting({ state, onRetry, onClose }: { state: Exclude<VolumeState, { state: 'ready' }>; onRetry: () => void; onClose: () => void }) {
  const { t } = useTexts();
  const back = (
    <Button onClick={onClose} data-testid="mpr-back">
      {t(state.state === 'loading' ? 'action.cancel' : 'mpr.back')}
    </Button>
  );
  if (state.state === 'loading')
    return (
      <div className="state" role="status" data-testid="mpr-loading">
        <p>{t('mpr.loading', { done: state.done, of: state.of })}</p>
        <Progress percent={Math.floor((100 * state.done) / state.of)} showInfo={false} />
        {back}
      </div>
    );
  if (state.state === 'refused')
    return (
      <Notice tone="warn" title={t(`mpr.refused.${state.refusal.code}`, state.refusal.facts)}>
        {back}
      </Notice>
    );
  return (
    <Notice tone="error" title={state.slice === null ? t('viewer.cannotStart') : t('mpr.failed', { n: state.slice })}>
      <Button onClick={onRetry}>{t('action.retry')}</Button> {back}
    </Notice>
  );
}

/** The file's own window is no single one for a stack: all it holds between the ends of a soft-tissue view. */
const WIDE: Window = { width: 2000, centre: 0 };
const windowOf = (preset: PresetName) => PRESETS[preset].window ?? WIDE;

function Planes(props: Props & { volume: Volume; order: readonly number[] }) {
  const { volume, order, sources, preset, focus, onHandle, linesOf } = props;
  const { grid } = volume;
  const reducer = useMemo(() => mprReducer(grid), [grid]);
  const [state, step] = useReducer(reducer, null, () => mprOf(grid, windowOf(preset)));
  useEffect(() => {
    if (focus !== null) step({ step: 'cross', at: voxelAt(grid, focus.at) });
  }, [focus, grid]);
  useEffect(() => {
    const scroll = (by: number) => {
      const { through } = lieOf(grid, state.active);
      const to = state.cross[through] + by * wayDown(grid, state.active);
      step({ step: 'layer', plane: state.active, to: Math.min(Math.max(to, 0), grid.size[through] - 1) });
    };
    onHandle({ state, step, scroll, preset: (name) => step({ step: 'window', window: windowOf(name) }), reset: () => step({ step: 'reset', window: windowOf(preset) }) });
  });
  useEffect(() => () => onHandle(null), [onHandle]);
  const numberOf = useCallback((k: number) => (order[k] ?? k) + 1, [order]);
  const linesAt = useCallback((k: number) => linesOf(sources[order[k] ?? -1]?.frame.key ?? ''), [linesOf, sources, order]);
  return (
    <div className="parts parts-2x2 planes" data-testid="mpr" data-cross={state.cross.join(' ')}>
      {PLANES.map((plane, at) => (
        <PlanePane key={plane} volume={volume} plane={plane} state={state} step={step} left={props.left} hot={props.hot} unit={props.unit} linesAt={linesAt} numberOf={numberOf} selected={props.selected} title={at === 0 ? props.title : []} />
      ))}
      <div className="viewport fourth">{props.fourth(grid, state, volume, order)}</div>
    </div>
  );
}

export default function MprView(props: Props) {
  const [state, again] = useVolume(props.sources);
  if (state.state !== 'ready') return <Waiting state={state} onRetry={again} onClose={props.onClose} />;
  return <Planes key={state.volume.grid.origin.join()} {...props} volume={state.volume} order={state.order} />;
}
