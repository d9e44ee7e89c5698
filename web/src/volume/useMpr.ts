/** The planes as the reading area has them: open or not, what the toolbar shows of them, and their keys. */
import { useCallback, useRef, useState } from 'react';
import type { PresetName } from '../viewer/presets';
import { nextOf, nextPlane, THICKNESSES_MM, type Mpr } from './mpr';
import type { MprHandle } from './MprView';
import { PROJECTIONS, type Projection } from './reslice';

/** Commands of the stack that waits beneath: it is not to be turned or measured unseen. */
const STACK_ONLY = ['layout', 'link', 'compare', 'cine', 'cineFaster', 'cineSlower', 'rotateRight', 'rotateLeft', 'flipHorizontal', 'flipVertical', 'measureRemove', 'undo', 'redo', 'heatmap'].map((name) => `view.${name}`);

type Commands = Record<string, () => void>;

export interface MprDesk {
  open: boolean;
  /** null while slices are on their way. */
  state: Mpr | null;
  /** A PET in colour upon the planes is asked for. */
  fusion: boolean;
  toggleFusion: () => void;
  /** A three-dimensional picture in the fourth place is asked for. */
  solid: boolean;
  toggleSolid: () => void;
  toggle: () => void;
  close: () => void;
  onHandle: (handle: MprHandle | null) => void;
  project: (projection: Projection) => void;
  thickness: (mm: number) => void;
  preset: (name: PresetName) => void;
  invert: () => void;
  reset: () => void;
  /** Commands: the planes' while they are open, else those of `others` (the AI review) and the one that opens the planes. */
  serve: (others: Commands) => Commands;
}

export function useMpr(): MprDesk {
  const [open, setOpen] = useState(false);
  const [state, setState] = useState<Mpr | null>(null);
  const handle = useRef<MprHandle | null>(null);
  const onHandle = useCallback((next: MprHandle | null) => {
    handle.current = next;
    setState(next?.state ?? null);
  }, []);
  const close = useCallback(() => setOpen(false), []);
  const toggle = useCallback(() => setOpen((old) => !old), []);
  const [fusion, setFusion] = useState(false);
  const toggleFusion = useCallback(() => {
    setFusion(!open || !fusion);
    setOpen(true);
  }, [open, fusion]);
  const [solid, setSolid] = useState(false);
  const toggleSolid = useCallback(() => {
    setSolid(!open || !solid);
    setOpen(true);
  }, [open, solid]);
  const project = useCallback((projection: Projection) => handle.current?.step({ step: 'projection', projection }), []);
  const thickness = useCallback((mm: number) => handle.current?.step({ step: 'thickness', mm }), []);
  const preset = useCallback((name: PresetName) => handle.current?.preset(name), []);
  const invert = useCallback(() => handle.current?.step({ step: 'invert' }), []);
  const reset = useCallback(() => handle.current?.reset(), []);
  const nothing = () => undefined;
  const scroll = (by: number) => () => handle.current?.scroll(by);
  const whileOpen: Commands = {
    'view.next': scroll(1),
    'view.previous': scroll(-1),
    'view.first': scroll(-Infinity),
    'view.last': scroll(Infinity),
    'view.preset.lung': () => preset('lung'),
    'view.preset.mediastinum': () => preset('mediastinum'),
    'view.preset.bone': () => preset('bone'),
    'view.preset.file': () => preset('file'),
    'view.invert': invert,
    'view.reset': reset,
    'view.partNext': () => state !== null && handle.current?.step({ step: 'activate', plane: nextPlane(state.active) }),
    ...Object.fromEntries(STACK_ONLY.map((command) => [command, nothing])),
    'mpr.projection': () => state !== null && project(nextOf(PROJECTIONS, state.projection)),
    'mpr.thickness': () => state !== null && thickness(nextOf(THICKNESSES_MM, state.thicknessMm)),
    'view.back': close,
  };
  return { open, state, fusion, toggleFusion, solid, toggleSolid, toggle, close, onHandle, project, thickness, preset, invert, reset, serve: (others) => ({ 'mpr.open': toggle, 'fusion.open': toggleFusion, 'solid.open': toggleSolid, ...(open ? whileOpen : others) }) };
}
