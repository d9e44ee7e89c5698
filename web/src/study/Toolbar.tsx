import { memo, type ReactNode } from 'react';
import { useTexts, type Key } from '../i18n';
import type { Tool } from '../viewer/interaction';
import { PRESETS, type PresetName } from '../viewer/presets';
import type { PaneControls } from '../viewer/usePane';
import { LAYOUTS, type Layout } from './layout';

interface Props {
  modality: string;
  left: Tool;
  onLeft: (tool: Tool) => void;
  pane: PaneControls;
  onUndo: () => void;
  onRedo: () => void;
  /** null where there is one picture only. */
  playing: boolean | null;
  onCine: () => void;
  infoShown: boolean;
  onInfo: () => void;
  /** null where there is nothing to show or hide. */
  outlinesShown: boolean | null;
  onOutlines: () => void;
  onStep: (by: 1 | -1) => void;
  heatShown: boolean | null;
  onHeat: () => void;
  /** The county's corrections, where they came as a set of their own. */
  countyShown?: boolean | null;
  onCounty?: () => void;
  layout?: Layout;
  onLayout?: (layout: Layout) => void;
  /** null where only one part is shown. */
  linked?: boolean | null;
  onLink?: () => void;
  /** More groups: the AI review, the prior, reformations. */
  children?: ReactNode;
}

const MOVING: [Tool, string][] = [
  ['window', 'W'],
  ['scroll', 'S'],
  ['pan', 'T'],
  ['zoom', 'Z'],
  ['loupe', 'M'],
];
const DRAWN: [Tool, string][] = [
  ['length', 'D'],
  ['bidirectional', '⇧D'],
  ['angle', 'A'],
  ['probe', 'P'],
  ['ellipse', 'Y'],
  ['rectangle', 'G'],
  ['contour', 'F'],
  ['arrow', 'K'],
];
const WINDOWS: [PresetName, string][] = [
  ['lung', '1'],
  ['mediastinum', '2'],
  ['bone', '3'],
  ['file', '0'],
];

export function ToolButton({ on, keyName, label, onClick, children, disabled }: { on?: boolean; keyName: string; label: string; onClick: () => void; children?: ReactNode; disabled?: boolean }) {
  return (
    <button type="button" className="tool" aria-pressed={on} aria-label={children === undefined ? undefined : label} title={`${label} (${keyName})`} onClick={onClick} disabled={disabled}>
      {children ?? label}
      <kbd aria-hidden="true">{keyName}</kbd>
    </button>
  );
}

function Turning({ pane }: { pane: PaneControls }) {
  const { t } = useTexts();
  const buttons: [Key, string, string, () => void][] = [
    ['tool.rotateRight', 'R', '⟳', () => pane.rotate(90)],
    ['tool.rotateLeft', '⇧R', '⟲', () => pane.rotate(-90)],
    ['tool.flipHorizontal', '⇧H', '⇋', () => pane.flip('horizontal')],
    ['tool.flipVertical', '⇧V', '⥮', () => pane.flip('vertical')],
  ];
  return (
    <div className="group" role="group" aria-label={t('viewer.turning')}>
      {buttons.map(([label, key, glyph, act]) => (
        <ToolButton key={label} keyName={key} label={t(label)} onClick={act}>
          {glyph}
        </ToolButton>
      ))}
      <ToolButton keyName="I" label={t('tool.invert')} onClick={pane.invert} />
      <ToolButton keyName="␣" label={t('tool.reset')} onClick={pane.reset} />
    </div>
  );
}

function LayoutButtons({ layout, onLayout, linked, onLink }: { layout: Layout; onLayout: (layout: Layout) => void; linked: boolean | null; onLink: () => void }) {
  const { t } = useTexts();
  return (
    <div className="group" role="group" aria-label={t('viewer.layout')}>
      {LAYOUTS.map((name) => (
        <button key={name} type="button" className="tool" aria-pressed={layout === name} aria-label={t('viewer.layoutOf', { name })} title={`${t('viewer.layoutOf', { name })} (Q)`} onClick={() => onLayout(name)} data-testid={`layout-${name}`}>
          {name.replace('x', '×')}
        </button>
      ))}
      {linked !== null && <ToolButton on={linked} keyName="L" label={t('tool.link')} onClick={onLink} />}
    </div>
  );
}

export const Toolbar = memo(function Toolbar(props: Props) {
  const { modality, left, onLeft, pane, playing, outlinesShown, onStep, heatShown, countyShown, onCounty, layout, onLayout } = props;
  const { t } = useTexts();
  const windows = modality === 'CT' ? WINDOWS : WINDOWS.filter(([name]) => name === 'file');
  const tools = (label: Key, list: [Tool, string][]) => (
    <div className="group" aria-label={t(label)} role="group">
      {list.map(([tool, key]) => (
        <ToolButton key={tool} on={left === tool} keyName={key} label={t(`tool.${tool}` as Key)} onClick={() => onLeft(tool)} />
      ))}
    </div>
  );
  return (
    <div className="toolbar" role="toolbar" aria-label={t('viewer.tools')}>
      {tools('viewer.leftDrag', MOVING)}
      <div className="group" aria-label={t('viewer.windows')} role="group">
        {windows.map(([name, key]) => (
          <ToolButton key={name} keyName={key} label={t(PRESETS[name].label)} onClick={() => pane.preset(name)} />
        ))}
      </div>
      <Turning pane={pane} />
      {playing !== null && (
        <div className="group">
          <ToolButton on={playing} keyName="C" label={t('tool.cine')} onClick={props.onCine} />
        </div>
      )}
      {tools('viewer.measuring', DRAWN)}
      <div className="group">
        <ToolButton keyName="^Z" label={t('tool.undo')} onClick={props.onUndo}>
          ↶
        </ToolButton>
        <ToolButton keyName="^Y" label={t('tool.redo')} onClick={props.onRedo}>
          ↷
        </ToolButton>
      </div>
      <div className="group">
        <ToolButton on={props.infoShown} keyName="⇧O" label={t('tool.info')} onClick={props.onInfo} />
      </div>
      {outlinesShown !== null && (
        <div className="group">
          <ToolButton on={outlinesShown} keyName="O" label={t('tool.outlines')} onClick={props.onOutlines} />
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
          <ToolButton on={heatShown} keyName="H" label={t('tool.heatmap')} onClick={props.onHeat} />
        </div>
      )}
      {layout !== undefined && onLayout !== undefined && <LayoutButtons layout={layout} onLayout={onLayout} linked={props.linked ?? null} onLink={props.onLink ?? (() => undefined)} />}
      {props.children}
    </div>
  );
});
