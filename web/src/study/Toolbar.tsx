import { memo, type ReactNode } from 'react';
import { useTexts, type Key } from '../i18n';
import type { Tool } from '../viewer/interaction';
import { PRESETS, type PresetName } from '../viewer/presets';
import type { PaneControls } from '../viewer/usePane';
import type { Sign } from './icons';
import { LAYOUTS, type Layout } from './layout';
import { ToolButton, ToolMenu } from './ToolButton';

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

type Signed = Tool & Sign;

const MOVING: readonly [Signed, string][] = [
  ['window', 'W'],
  ['scroll', 'S'],
  ['pan', 'T'],
  ['zoom', 'Z'],
  ['loupe', 'M'],
];
/** What is measured most has a button, the rest a menu. */
const DRAWN: readonly [Signed, string][] = [
  ['length', 'D'],
  ['probe', 'P'],
];
const DRAWN_MORE: readonly [Signed, string][] = [
  ['bidirectional', '⇧D'],
  ['angle', 'A'],
  ['ellipse', 'Y'],
  ['rectangle', 'G'],
  ['contour', 'F'],
  ['arrow', 'K'],
];
const WINDOWS: readonly [PresetName, string][] = [
  ['lung', '1'],
  ['mediastinum', '2'],
  ['bone', '3'],
  ['file', '0'],
];

export { ToolButton } from './ToolButton';

/** The windows of a modality, behind one button. */
export function WindowMenu({ modality, onPreset }: { modality: string; onPreset: (name: PresetName) => void }) {
  const { t } = useTexts();
  const windows = modality === 'CT' ? WINDOWS : WINDOWS.filter(([name]) => name === 'file');
  return <ToolMenu label={t('viewer.windows')} keyName={windows.map(([, key]) => key).join(' ')} face={t('viewer.windowShort')} items={windows.map(([name, key]) => ({ id: name, label: t(PRESETS[name].label), keyName: key, act: () => onPreset(name) }))} testId="windows" />;
}

/** Tools of the left button, as signs in a row. */
export function ToolGroup({ tools, left, onLeft }: { tools: readonly (readonly [Signed, string])[]; left: Tool; onLeft: (tool: Tool) => void }) {
  const { t } = useTexts();
  return (
    <>
      {tools.map(([tool, key]) => (
        <ToolButton key={tool} on={left === tool} keyName={key} sign={tool} label={t(`tool.${tool}`)} onClick={() => onLeft(tool)} />
      ))}
    </>
  );
}

function Measuring({ left, onLeft }: Pick<Props, 'left' | 'onLeft'>) {
  const { t } = useTexts();
  const chosen = DRAWN_MORE.find(([tool]) => tool === left)?.[0];
  return (
    <div className="group reading-only" role="group" aria-label={t('viewer.measuring')}>
      <ToolGroup tools={DRAWN} left={left} onLeft={onLeft} />
      <ToolMenu label={chosen === undefined ? t('viewer.measuring') : t(`tool.${chosen}`)} keyName={DRAWN_MORE.map(([, key]) => key).join(' ')} sign={chosen ?? 'ellipse'} on={chosen !== undefined} testId="measure-tools" items={DRAWN_MORE.map(([tool, key]) => ({ id: tool, sign: tool, label: t(`tool.${tool}`), keyName: key, on: left === tool, act: () => onLeft(tool) }))} />
    </div>
  );
}

/** How the picture is turned and what is written on it. */
function Turning({ pane, infoShown, onInfo }: Pick<Props, 'pane' | 'infoShown' | 'onInfo'>) {
  const { t } = useTexts();
  const items: [Key, string, () => void][] = [
    ['tool.rotateRight', 'R', () => pane.rotate(90)],
    ['tool.rotateLeft', '⇧R', () => pane.rotate(-90)],
    ['tool.flipHorizontal', '⇧H', () => pane.flip('horizontal')],
    ['tool.flipVertical', '⇧V', () => pane.flip('vertical')],
  ];
  return (
    <div className="group" role="group" aria-label={t('viewer.turning')}>
      <ToolMenu label={t('viewer.turning')} keyName={[...items.map(([, key]) => key), '⇧O'].join(' ')} sign="turn" testId="turning" items={[...items.map(([label, keyName, act]) => ({ id: label, label: t(label), keyName, act })), { id: 'info', label: t('tool.info'), keyName: '⇧O', on: infoShown, act: onInfo }]} />
      <ToolButton keyName="I" sign="invert" label={t('tool.invert')} onClick={pane.invert} />
      <ToolButton keyName="␣" sign="reset" label={t('tool.reset')} onClick={pane.reset} />
    </div>
  );
}

function LayoutMenu({ layout, onLayout, linked, onLink }: { layout: Layout; onLayout: (layout: Layout) => void; linked: boolean | null; onLink: () => void }) {
  const { t } = useTexts();
  return (
    <div className="group reading-only" role="group" aria-label={t('viewer.layout')}>
      <ToolMenu label={t('viewer.layout')} keyName="Q" face={layout.replace('x', '×')} testId="layout" items={LAYOUTS.map((name) => ({ id: name, label: t('viewer.layoutOf', { name }), keyName: '', on: layout === name, act: () => onLayout(name) }))} />
      {linked !== null && <ToolButton on={linked} keyName="L" sign="link" label={t('tool.link')} onClick={onLink} />}
    </div>
  );
}

function Outlined({ shown, onShown, onStep }: { shown: boolean; onShown: () => void; onStep: (by: 1 | -1) => void }) {
  const { t } = useTexts();
  return (
    <div className="group">
      <ToolButton on={shown} keyName="O" sign="outlines" label={t('tool.outlines')} onClick={onShown} />
      <ToolButton keyName="⇧N" label={t('key.lesionPrevious')} onClick={() => onStep(-1)}>
        ‹
      </ToolButton>
      <ToolButton keyName="N" label={t('key.lesionNext')} onClick={() => onStep(1)}>
        ›
      </ToolButton>
    </div>
  );
}

export const Toolbar = memo(function Toolbar(props: Props) {
  const { modality, left, onLeft, pane, playing, outlinesShown, heatShown, countyShown, onCounty, layout, onLayout } = props;
  const { t } = useTexts();
  return (
    <div className="toolbar" role="toolbar" aria-label={t('viewer.tools')}>
      <div className="group" role="group" aria-label={t('viewer.leftDrag')}>
        <ToolGroup tools={MOVING} left={left} onLeft={onLeft} />
      </div>
      <div className="group">
        <WindowMenu modality={modality} onPreset={pane.preset} />
      </div>
      <Turning {...props} />
      {playing !== null && (
        <div className="group reading-only">
          <ToolButton on={playing} keyName="C" sign="play" label={t('tool.cine')} onClick={props.onCine} />
        </div>
      )}
      <Measuring left={left} onLeft={onLeft} />
      <div className="group">
        <ToolButton keyName="^Z" sign="undo" label={t('tool.undo')} onClick={props.onUndo} />
        <ToolButton keyName="^Y" sign="redo" label={t('tool.redo')} onClick={props.onRedo} />
      </div>
      {outlinesShown !== null && <Outlined shown={outlinesShown} onShown={props.onOutlines} onStep={props.onStep} />}
      {countyShown != null && onCounty !== undefined && (
        <div className="group">
          <ToolButton on={countyShown} keyName="U" label={t('tool.county')} onClick={onCounty} />
        </div>
      )}
      {heatShown !== null && (
        <div className="group">
          <ToolButton on={heatShown} keyName="H" sign="heat" label={t('tool.heatmap')} onClick={props.onHeat} />
        </div>
      )}
      {layout !== undefined && onLayout !== undefined && <LayoutMenu layout={layout} onLayout={onLayout} linked={props.linked ?? null} onLink={props.onLink ?? (() => undefined)} />}
      {props.children}
    </div>
  );
});
