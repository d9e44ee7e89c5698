/** The toolbar while the planes are open: only what acts on them. */
import type { ReactNode } from 'react';
import { useTexts } from '../i18n';
import { ToolGroup, WindowMenu } from '../study/Toolbar';
import { ToolButton, ToolMenu } from '../study/ToolButton';
import type { Tool } from '../viewer/interaction';
import { THICKNESSES_MM } from './mpr';
import { PROJECTIONS } from './reslice';
import type { MprDesk } from './useMpr';

const TOOLS = [
  ['window', 'W'],
  ['scroll', 'S'],
  ['pan', 'T'],
  ['zoom', 'Z'],
  ['probe', 'P'],
] as const;

interface Props {
  desk: MprDesk;
  modality: string;
  left: Tool;
  onLeft: (tool: Tool) => void;
  children?: ReactNode;
}

export function VolumeBar({ desk, modality, left, onLeft, children }: Props) {
  const { t } = useTexts();
  const { state } = desk;
  const nameOf = (mm: number) => (mm === Infinity ? t('mpr.whole') : t('mpr.mm', { n: mm }));
  return (
    <div className="toolbar" role="toolbar" aria-label={t('mpr.title')}>
      <div className="group">
        <ToolButton on keyName="⇧M" sign="mpr" label={t('mpr.open')} onClick={desk.close} />
      </div>
      <div className="group" role="group" aria-label={t('viewer.leftDrag')}>
        <ToolGroup tools={TOOLS} left={left} onLeft={onLeft} />
      </div>
      <div className="group">
        <WindowMenu modality={modality} onPreset={desk.preset} />
      </div>
      <div className="group">
        <ToolButton on={state?.inverted ?? false} keyName="I" sign="invert" label={t('tool.invert')} onClick={desk.invert} />
        <ToolButton keyName="␣" sign="reset" label={t('tool.reset')} onClick={desk.reset} />
      </div>
      {state !== null && (
        <div className="group">
          <ToolMenu label={t('mpr.projection')} keyName="⇧K" face={t(`mpr.${state.projection}`)} testId="mpr-projection" disabled={desk.fusion} items={PROJECTIONS.map((one) => ({ id: one, label: t(`mpr.${one}`), keyName: '', on: one === state.projection, act: () => desk.project(one) }))} />
          <ToolMenu label={t('mpr.thickness')} keyName="⇧T" face={nameOf(state.thicknessMm)} testId="mpr-thickness" disabled={desk.fusion || state.projection === 'slice'} items={THICKNESSES_MM.map((mm) => ({ id: String(mm), label: nameOf(mm), keyName: '', on: mm === state.thicknessMm, act: () => desk.thickness(mm) }))} />
        </div>
      )}
      {children}
    </div>
  );
}
