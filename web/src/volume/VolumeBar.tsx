/** The toolbar while the planes are open: only what acts on them. */
import { Dropdown } from 'antd';
import type { ReactNode } from 'react';
import { useTexts } from '../i18n';
import { ToolButton } from '../study/Toolbar';
import type { Tool } from '../viewer/interaction';
import { PRESETS, type PresetName } from '../viewer/presets';
import { THICKNESSES_MM } from './mpr';
import { PROJECTIONS } from './reslice';
import type { MprDesk } from './useMpr';

const TOOLS: [Tool, string][] = [
  ['window', 'W'],
  ['scroll', 'S'],
  ['pan', 'T'],
  ['zoom', 'Z'],
  ['probe', 'P'],
];
const WINDOWS: [PresetName, string][] = [
  ['lung', '1'],
  ['mediastinum', '2'],
  ['bone', '3'],
  ['file', '0'],
];

interface Props {
  desk: MprDesk;
  modality: string;
  left: Tool;
  onLeft: (tool: Tool) => void;
  children?: ReactNode;
}

/** A choice of one, as a menu under what is chosen. */
function Choice<T extends string | number>({ label, keyName, now, all, nameOf, onChoose, testId, disabled }: { label: string; keyName: string; now: T; all: readonly T[]; nameOf: (one: T) => string; onChoose: (one: T) => void; testId: string; disabled?: boolean }) {
  return (
    <Dropdown disabled={disabled ?? false} trigger={['click']} menu={{ selectable: true, selectedKeys: [String(now)], items: all.map((one) => ({ key: String(one), label: nameOf(one), onClick: () => onChoose(one) })) }}>
      <button type="button" className="tool" aria-label={`${label}: ${nameOf(now)}`} title={`${label} (${keyName})`} data-testid={testId} disabled={disabled}>
        {nameOf(now)} ▾<kbd>{keyName}</kbd>
      </button>
    </Dropdown>
  );
}

export function VolumeBar({ desk, modality, left, onLeft, children }: Props) {
  const { t } = useTexts();
  const { state } = desk;
  const windows = modality === 'CT' ? WINDOWS : WINDOWS.filter(([name]) => name === 'file');
  return (
    <div className="toolbar" role="toolbar" aria-label={t('mpr.title')}>
      <div className="group">
        <ToolButton on keyName="⇧M" label={t('mpr.open')} onClick={desk.close} />
      </div>
      <div className="group" role="group" aria-label={t('viewer.leftDrag')}>
        {TOOLS.map(([tool, key]) => (
          <ToolButton key={tool} on={left === tool} keyName={key} label={t(`tool.${tool}` as 'tool.window')} onClick={() => onLeft(tool)} />
        ))}
      </div>
      <div className="group" role="group" aria-label={t('viewer.windows')}>
        {windows.map(([name, key]) => (
          <ToolButton key={name} keyName={key} label={t(PRESETS[name].label)} onClick={() => desk.preset(name)} />
        ))}
      </div>
      <div className="group">
        <ToolButton on={state?.inverted ?? false} keyName="I" label={t('tool.invert')} onClick={desk.invert} />
        <ToolButton keyName="␣" label={t('tool.reset')} onClick={desk.reset} />
      </div>
      {state !== null && (
        <div className="group">
          <Choice label={t('mpr.projection')} keyName="⇧K" now={state.projection} all={PROJECTIONS} nameOf={(one) => t(`mpr.${one}`)} onChoose={desk.project} testId="mpr-projection" />
          <Choice label={t('mpr.thickness')} keyName="⇧T" now={state.thicknessMm} all={THICKNESSES_MM} nameOf={(mm) => (mm === Infinity ? t('mpr.whole') : t('mpr.mm', { n: mm }))} onChoose={desk.thickness} testId="mpr-thickness" disabled={state.projection === 'slice'} />
        </div>
      )}
      {children}
    </div>
  );
}
