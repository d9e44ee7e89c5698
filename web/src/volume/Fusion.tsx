/** A PET upon the planes: how much of it is seen, up to which uptake, and what its numbers are worth. */
import { useCallback, useMemo, useReducer } from 'react';
import { useCommands } from '../app/keys';
import { useTexts } from '../i18n';
import { ToolButton, ToolMenu } from '../study/ToolButton';
import { fixed } from '../ui/format';
import type { Grid } from './grid';
import { nextOf } from './mpr';
import type { Hot } from './PlanePane';
import type { MprDesk } from './useMpr';
import { highest, placedBy, scaledBy, type FoundPet, type PetState } from './usePet';
import { useVolume, type VolumeState } from './useVolume';

export const SUV_TOPS: readonly number[] = [2.5, 5, 10, 20];
const BLEND_STEP = 0.1;

interface Mix {
  blend: number;
  top: number;
}
const round = (value: number) => Math.round(Math.min(1, Math.max(0, value)) * 10) / 10;

export function useMix(active: boolean) {
  const [mix, set] = useReducer((old: Mix, change: (old: Mix) => Mix) => change(old), { blend: 0.5, top: 5 });
  const blend = useCallback((to: (old: number) => number) => set((old) => ({ ...old, blend: round(to(old.blend)) })), []);
  const top = useCallback((value: number) => set((old) => ({ ...old, top: value })), []);
  useCommands({ 'fusion.more': () => blend((old) => old + BLEND_STEP), 'fusion.less': () => blend((old) => old - BLEND_STEP), 'fusion.scale': () => set((old) => ({ ...old, top: nextOf(SUV_TOPS, old.top) })) }, active);
  return { mix, blend, top };
}

const NONE: never[] = [];

export type HotState =
  | { state: 'off' | 'none' | 'reading' | 'unread' | 'apart' }
  | { state: 'slices'; volume: Exclude<VolumeState, { state: 'ready' }>; retry: () => void }
  | { state: 'on'; hot: Hot; pet: FoundPet; by: 'geometry' | 'motion'; suv: boolean };

/** The PET as the planes take it, or why it is not there. */
export function useHot(found: PetState, asked: boolean, ctFrame: string, mix: Mix): HotState {
  const pet = asked && found.state === 'found' ? found.pet : null;
  const [volume, retry] = useVolume(pet?.sources ?? NONE);
  const perUnit = pet?.answer?.suv?.per_unit ?? null;
  const ready = volume.state === 'ready' ? volume.volume : null;
  const scaled = useMemo(() => (ready === null ? null : perUnit === null ? ready : scaledBy(ready, perUnit)), [ready, perUnit]);
  const most = useMemo(() => (scaled === null || perUnit !== null ? 0 : highest(scaled)), [scaled, perUnit]);
  const placed = useMemo(() => (scaled === null ? null : placedBy(pet?.answer ?? null, ctFrame, scaled.grid.frameOfReference)), [scaled, pet, ctFrame]);
  return useMemo<HotState>(() => {
    if (!asked) return { state: 'off' };
    if (found.state !== 'found') return { state: found.state };
    if (volume.state !== 'ready') return { state: 'slices', volume, retry };
    if (scaled === null || placed === null) return { state: 'apart' };
    const suv = perUnit !== null;
    return { state: 'on', pet: found.pet, by: placed.by, suv, hot: { volume: scaled, toOther: placed.toPet, low: 0, high: suv ? mix.top : most, blend: mix.blend, unit: suv ? 'SUV' : 'PET' } };
  }, [asked, found, volume, retry, scaled, placed, perUnit, mix, most]);
}

/** In the toolbar: on or off, how much, and up to where. */
export function FusionTools({ desk, mix, onBlend, onTop, suv }: { desk: MprDesk; mix: Mix; onBlend: (to: (old: number) => number) => void; onTop: (top: number) => void; suv: boolean }) {
  const { t } = useTexts();
  const name = (top: number) => `SUV 0–${top}`;
  return (
    <div className="group" role="group" aria-label={t('fusion.title')}>
      <ToolButton on={desk.fusion} keyName="⇧C" sign="fusion" label={t('fusion.open')} onClick={desk.toggleFusion} />
      {desk.fusion && (
        <label className="tool blend" title={`${t('fusion.blend')} (- =)`}>
          CT
          <input type="range" min={0} max={1} step={BLEND_STEP} value={mix.blend} aria-label={t('fusion.blend')} data-testid="blend" onChange={(event) => onBlend(() => Number(event.target.value))} onKeyDown={(event) => event.key.startsWith('Arrow') && event.stopPropagation()} />
          PET
        </label>
      )}
      {desk.fusion && suv && <ToolMenu label={t('fusion.scale')} keyName="⇧W" face={name(mix.top)} testId="suv-scale" items={SUV_TOPS.map((top) => ({ id: String(top), label: name(top), keyName: '', on: top === mix.top, act: () => onTop(top) }))} />}
    </div>
  );
}

/** What is seen in colour, and how far it can be trusted. */
export function FusionFacts({ state, grid }: { state: HotState; grid: Grid }) {
  const { t } = useTexts();
  if (state.state === 'off') return null;
  if (state.state === 'slices') {
    const { volume } = state;
    return <p role="status">{volume.state === 'loading' ? t('fusion.loading', { done: volume.done, of: volume.of }) : volume.state === 'failed' ? t('fusion.failed') : t('fusion.refused', { why: t(`mpr.refused.${volume.refusal.code}`, volume.refusal.facts) })}</p>;
  }
  if (state.state !== 'on') return <p role="status" className="note-warn" data-testid="fusion-state">{t(`fusion.${state.state}`)}</p>;
  return <Shown state={state} grid={grid} />;
}

function Shown({ state, grid }: { state: Extract<HotState, { state: 'on' }>; grid: Grid }) {
  const { t, said } = useTexts();
  const { answer, elsewhere } = state.pet;
  const found = answer?.alignment;
  const pose = state.by === 'geometry' || found == null ? t('fusion.byGeometry') : t('fusion.byMotion', { mm: fixed(found.length_mm, 1), deg: fixed(found.angle_deg, 1), spread: fixed(found.spread_mm, 1) });
  const { spacingMm } = state.hot.volume.grid;
  return (
    <div data-testid="fusion-state" data-by={state.by} data-suv={state.suv}>
      <svg className="hot-scale" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <defs>
          <linearGradient id="hot-iron">
            <stop offset="0" stopColor="#000" />
            <stop offset="0.625" stopColor="#f00" />
            <stop offset="0.94" stopColor="#ff8000" />
            <stop offset="1" stopColor="#ff9933" />
          </linearGradient>
        </defs>
        <rect width="100" height="6" fill="url(#hot-iron)" />
      </svg>
      <p className="num hot-ends">
        <span>0</span>
        <span>{state.suv ? `SUV ${state.hot.high}` : fixed(state.hot.high, 0)}</span>
      </p>
      <p>{pose}</p>
      {elsewhere && <p>{t('fusion.elsewhere')}</p>}
      {!state.suv && <p className="note-warn">{answer?.reason == null ? t('fusion.notSuv') : `${t('fusion.notSuv')} ${said(answer.reason)} (${answer.reason.code})`}</p>}
      <p className="muted">{t('fusion.sampled', { pet: spacingMm.map((mm) => fixed(mm, 1)).join(' × '), ct: grid.spacingMm.map((mm) => fixed(mm, 2)).join(' × ') })}</p>
    </div>
  );
}
