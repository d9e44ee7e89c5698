/** Commands that every reading area serves, whatever its pictures come from. */
import type { Tool } from '../viewer/interaction';
import type { Hands } from '../viewer/useDrawing';
import type { PaneControls } from '../viewer/usePane';
import type { CellHandle } from './Cell';

const TOOLS: readonly Tool[] = ['window', 'zoom', 'pan', 'scroll', 'loupe', 'length', 'bidirectional', 'angle', 'probe', 'ellipse', 'rectangle', 'contour', 'arrow'];
const CINE_FASTER = 1.5;

/** `active` is the part that is looked at; null while it has no pictures yet. */
export function viewerCommands(pane: PaneControls, active: () => Omit<CellHandle, 'pane'> | null, step: Hands['step'], onTool: (tool: Tool) => void): Record<string, () => void> {
  return {
    ...Object.fromEntries(TOOLS.map((tool) => [`view.tool.${tool}`, () => onTool(tool)])),
    'view.next': () => pane.goTo((active()?.wanted ?? 0) + 1),
    'view.previous': () => pane.goTo((active()?.wanted ?? 0) - 1),
    'view.first': () => pane.goTo(0),
    'view.last': () => pane.goTo((active()?.frames.length ?? 1) - 1),
    'view.preset.lung': () => pane.preset('lung'),
    'view.preset.mediastinum': () => pane.preset('mediastinum'),
    'view.preset.bone': () => pane.preset('bone'),
    'view.preset.file': () => pane.preset('file'),
    'view.measureRemove': pane.removeMeasure,
    'view.undo': () => step({ step: 'undo' }),
    'view.redo': () => step({ step: 'redo' }),
    'view.invert': pane.invert,
    'view.reset': pane.reset,
    'view.rotateRight': () => pane.rotate(90),
    'view.rotateLeft': () => pane.rotate(-90),
    'view.flipHorizontal': () => pane.flip('horizontal'),
    'view.flipVertical': () => pane.flip('vertical'),
    'view.cine': () => active()?.cine.toggle(),
    'view.cineFaster': () => active()?.cine.faster(CINE_FASTER),
    'view.cineSlower': () => active()?.cine.faster(1 / CINE_FASTER),
  };
}
