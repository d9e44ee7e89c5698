import { memo, type ReactNode } from 'react';
import { useTexts } from '../i18n';
import type { Tool } from '../viewer/interaction';
import { PRESETS, type PresetName } from '../viewer/presets';
import type { PaneControls } from '../viewer/usePane';

interface Props {
  modality: string;
  left: Tool;
  onLeft: (tool: Tool) => void;
  pane: PaneControls;
  /** null where there is nothing to show or hide. */
  outlinesShown: boolean | null;
  onOutlines: () => void;
  onStep: (by: 1 | -1) => void;
  heatShown: boolean | null;
  onHeat: () => void;
  /** The county's corrections, where they came as a set of their own. */
  countyShown?: boolean | null;
  onCounty?: () => void;
}

const TOOLS: [Tool, string][] = [
  ['window', 'W'],
  ['scroll', 'S'],
  ['pan', 'T'],
  ['zoom', 'Z'],
  ['length', 'D'],
  ['angle', 'A'],
  ['probe', 'P'],
];
const WINDOWS: [PresetName, string][] = [
  ['lung', '1'],
  ['mediastinum', '2'],
  ['bone', '3'],
  ['file', '0'],
];

function ToolButton({ on, keyName, label, onClick, children }: { on?: boolean; keyName: string; label: string; onClick: () => void; children?: ReactNode }) {
  return (
    <button type="button" className="tool" aria-pressed={on} title={`${label} (${keyName})`} onClick={onClick}>
      {children ?? label}
      <kbd>{keyName}</kbd>
    </button>
  );
}

export const Toolbar = memo(function Toolbar({ modality, left, onLeft, pane, outlinesShown, onOutlines, onStep, heatShown, onHeat, countyShown, onCounty }: Props) {
  const { t } = useTexts();
  const windows = modality === 'CT' ? WINDOWS : WINDOWS.filter(([name]) => name === 'file');
  return (
    <div className="toolbar" role="toolbar" aria-label={t('viewer.tools')}>
      <div className="group" aria-label={t('viewer.leftDrag')} role="group">
        {TOOLS.map(([tool, key]) => (
          <ToolButton key={tool} on={left === tool} keyName={key} label={t(`tool.${tool}`)} onClick={() => onLeft(tool)} />
        ))}
      </div>
      <div className="group" aria-label={t('viewer.windows')} role="group">
        {windows.map(([name, key]) => (
          <ToolButton key={name} keyName={key} label={t(PRESETS[name].label)} onClick={() => pane.preset(name)} />
        ))}
      </div>
      <div className="group">
        <ToolButton keyName="I" label={t('tool.invert')} onClick={pane.invert} />
        <ToolButton keyName="␣" label={t('tool.reset')} onClick={pane.reset} />
      </div>
      {outlinesShown !== null && (
        <div className="group">
          <ToolButton on={outlinesShown} keyName="O" label={t('tool.outlines')} onClick={onOutlines} />
          <ToolButton keyName="⇧N" label={t('key.lesionPrevious')} onClick={() => onStep(-1)}>
            ‹
          </ToolButton>
          <ToolButton keyName="N" label={t('key.lesionNext')} onClick={() => onStep(1)}>
            ›
          </ToolButton>
        </div>
      )}
      {countyShown != null && onCounty !== undefined && (
        <div className="group">
          <ToolButton on={countyShown} keyName="U" label={t('tool.county')} onClick={onCounty} />
        </div>
      )}
      {heatShown !== null && (
        <div className="group">
          <ToolButton on={heatShown} keyName="H" label={t('tool.heatmap')} onClick={onHeat} />
        </div>
      )}
    </div>
  );
});
