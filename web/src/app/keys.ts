/**
 * Keyboard as data: commands have ids, a map binds keys to ids, pages say which ids they serve.
 * Keys are dead while text is being typed or an input method is composing.
 */
import { useEffect, useLayoutEffect, useRef } from 'react';
import type { Key } from '../i18n';
import { useHabits } from './habits';

export interface Binding {
  command: string;
  /** As `KeyboardEvent.key`, with `Shift+` in front where it matters. */
  keys: string[];
  label: Key;
  group: 'general' | 'list' | 'viewer' | 'screening' | 'room';
}

export const BINDINGS: readonly Binding[] = [
  { command: 'help', keys: ['?'], label: 'key.help', group: 'general' },
  { command: 'language', keys: ['Shift+L'], label: 'key.language', group: 'general' },
  { command: 'list.search', keys: ['/'], label: 'key.search', group: 'list' },
  { command: 'list.down', keys: ['ArrowDown', 'j'], label: 'key.rowDown', group: 'list' },
  { command: 'list.up', keys: ['ArrowUp', 'k'], label: 'key.rowUp', group: 'list' },
  { command: 'list.open', keys: ['Enter'], label: 'key.openStudy', group: 'list' },
  { command: 'list.refresh', keys: ['r'], label: 'key.refresh', group: 'list' },
  { command: 'list.positive', keys: ['p'], label: 'sort.positiveFirst', group: 'list' },
  { command: 'list.filters', keys: ['f'], label: 'filter.more', group: 'list' },
  { command: 'list.clear', keys: ['x'], label: 'filter.clear', group: 'list' },
  { command: 'list.preset', keys: ['1', '2', '3', '4', '5'], label: 'key.preset', group: 'list' },
  { command: 'list.screening', keys: ['s'], label: 'screen.open', group: 'list' },
  { command: 'screen.normal', keys: ['1', 'n'], label: 'screen.normal', group: 'screening' },
  { command: 'screen.suspicious', keys: ['2', 's'], label: 'screen.suspicious', group: 'screening' },
  { command: 'screen.repeat', keys: ['3', 'r'], label: 'screen.repeat', group: 'screening' },
  { command: 'screen.undo', keys: ['u', 'Backspace'], label: 'screen.undo', group: 'screening' },
  { command: 'screen.next', keys: ['ArrowRight'], label: 'screen.next', group: 'screening' },
  { command: 'screen.previous', keys: ['ArrowLeft'], label: 'screen.previous', group: 'screening' },
  { command: 'screen.begin', keys: ['Enter'], label: 'screen.begin', group: 'screening' },
  { command: 'view.next', keys: ['ArrowDown', 'ArrowRight'], label: 'key.nextImage', group: 'viewer' },
  { command: 'view.previous', keys: ['ArrowUp', 'ArrowLeft'], label: 'key.previousImage', group: 'viewer' },
  { command: 'view.first', keys: ['Home'], label: 'key.firstImage', group: 'viewer' },
  { command: 'view.last', keys: ['End'], label: 'key.lastImage', group: 'viewer' },
  { command: 'view.seriesNext', keys: ['PageDown'], label: 'key.seriesNext', group: 'viewer' },
  { command: 'view.seriesPrevious', keys: ['PageUp'], label: 'key.seriesPrevious', group: 'viewer' },
  { command: 'view.preset.lung', keys: ['1'], label: 'preset.lung', group: 'viewer' },
  { command: 'view.preset.mediastinum', keys: ['2'], label: 'preset.mediastinum', group: 'viewer' },
  { command: 'view.preset.bone', keys: ['3'], label: 'preset.bone', group: 'viewer' },
  { command: 'view.preset.file', keys: ['0'], label: 'preset.file', group: 'viewer' },
  { command: 'view.tool.window', keys: ['w'], label: 'tool.window', group: 'viewer' },
  { command: 'view.tool.zoom', keys: ['z'], label: 'tool.zoom', group: 'viewer' },
  { command: 'view.tool.pan', keys: ['t'], label: 'tool.pan', group: 'viewer' },
  { command: 'view.tool.scroll', keys: ['s'], label: 'tool.scroll', group: 'viewer' },
  { command: 'view.tool.length', keys: ['d'], label: 'tool.length', group: 'viewer' },
  { command: 'view.tool.angle', keys: ['a'], label: 'tool.angle', group: 'viewer' },
  { command: 'view.tool.probe', keys: ['p'], label: 'tool.probe', group: 'viewer' },
  { command: 'view.tool.bidirectional', keys: ['Shift+D'], label: 'tool.bidirectional', group: 'viewer' },
  { command: 'view.tool.ellipse', keys: ['y'], label: 'tool.ellipse', group: 'viewer' },
  { command: 'view.tool.rectangle', keys: ['g'], label: 'tool.rectangle', group: 'viewer' },
  { command: 'view.tool.contour', keys: ['f'], label: 'tool.contour', group: 'viewer' },
  { command: 'view.tool.arrow', keys: ['k'], label: 'tool.arrow', group: 'viewer' },
  { command: 'view.tool.loupe', keys: ['m'], label: 'tool.loupe', group: 'viewer' },
  { command: 'view.measureRemove', keys: ['Delete', 'Backspace'], label: 'key.measureRemove', group: 'viewer' },
  { command: 'view.measuresSend', keys: ['Shift+U'], label: 'measured.send', group: 'viewer' },
  { command: 'view.undo', keys: ['Ctrl+Z'], label: 'tool.undo', group: 'viewer' },
  { command: 'view.redo', keys: ['Ctrl+Y', 'Ctrl+Shift+Z'], label: 'tool.redo', group: 'viewer' },
  { command: 'view.rotateRight', keys: ['r'], label: 'tool.rotateRight', group: 'viewer' },
  { command: 'view.rotateLeft', keys: ['Shift+R'], label: 'tool.rotateLeft', group: 'viewer' },
  { command: 'view.flipHorizontal', keys: ['Shift+H'], label: 'tool.flipHorizontal', group: 'viewer' },
  { command: 'view.flipVertical', keys: ['Shift+V'], label: 'tool.flipVertical', group: 'viewer' },
  { command: 'view.cine', keys: ['c'], label: 'tool.cine', group: 'viewer' },
  { command: 'view.cineFaster', keys: ['.'], label: 'key.cineFaster', group: 'viewer' },
  { command: 'view.cineSlower', keys: [','], label: 'key.cineSlower', group: 'viewer' },
  { command: 'view.layout', keys: ['q'], label: 'key.layout', group: 'viewer' },
  { command: 'view.partNext', keys: ['`'], label: 'key.partNext', group: 'viewer' },
  { command: 'view.link', keys: ['l'], label: 'tool.link', group: 'viewer' },
  { command: 'view.compare', keys: ['Shift+P'], label: 'tool.compare', group: 'viewer' },
  { command: 'mpr.open', keys: ['Shift+M'], label: 'mpr.title', group: 'viewer' },
  { command: 'mpr.projection', keys: ['Shift+K'], label: 'mpr.projection', group: 'viewer' },
  { command: 'mpr.thickness', keys: ['Shift+T'], label: 'mpr.thickness', group: 'viewer' },
  { command: 'solid.open', keys: ['Shift+G'], label: 'solid.title', group: 'viewer' },
  { command: 'fusion.open', keys: ['Shift+C'], label: 'fusion.title', group: 'viewer' },
  { command: 'fusion.more', keys: ['='], label: 'fusion.more', group: 'viewer' },
  { command: 'fusion.less', keys: ['-'], label: 'fusion.less', group: 'viewer' },
  { command: 'fusion.scale', keys: ['Shift+W'], label: 'fusion.scale', group: 'viewer' },
  { command: 'view.invert', keys: ['i'], label: 'key.invert', group: 'viewer' },
  { command: 'view.reset', keys: [' '], label: 'key.reset', group: 'viewer' },
  { command: 'view.info', keys: ['Shift+O'], label: 'tool.info', group: 'viewer' },
  { command: 'view.outlines', keys: ['o'], label: 'key.outlines', group: 'viewer' },
  { command: 'view.county', keys: ['u'], label: 'tool.county', group: 'viewer' },
  { command: 'view.heatmap', keys: ['h'], label: 'key.heatmap', group: 'viewer' },
  { command: 'view.lesionNext', keys: ['n'], label: 'key.lesionNext', group: 'viewer' },
  { command: 'view.lesionPrevious', keys: ['Shift+N'], label: 'key.lesionPrevious', group: 'viewer' },
  { command: 'review.edit', keys: ['e'], label: 'review.edit', group: 'viewer' },
  { command: 'review.brush', keys: ['b'], label: 'review.tool.brush', group: 'viewer' },
  { command: 'review.eraser', keys: ['Shift+B'], label: 'review.tool.eraser', group: 'viewer' },
  { command: 'review.freehand', keys: ['Shift+F'], label: 'review.tool.freehand', group: 'viewer' },
  { command: 'review.spline', keys: ['v'], label: 'review.tool.spline', group: 'viewer' },
  { command: 'review.sculpt', keys: ['Shift+S'], label: 'review.tool.sculpt', group: 'viewer' },
  { command: 'review.cut', keys: ['Shift+X'], label: 'review.tool.cut', group: 'viewer' },
  { command: 'review.smaller', keys: ['['], label: 'review.smaller', group: 'viewer' },
  { command: 'review.bigger', keys: [']'], label: 'review.bigger', group: 'viewer' },
  { command: 'review.interpolate', keys: ['Shift+I'], label: 'review.interpolate', group: 'viewer' },
  { command: 'review.accept', keys: ['j'], label: 'key.reviewAccept', group: 'viewer' },
  { command: 'review.reject', keys: ['x'], label: 'key.reviewReject', group: 'viewer' },
  { command: 'review.acceptRest', keys: ['Shift+J'], label: 'key.reviewAcceptRest', group: 'viewer' },
  { command: 'view.askRepeat', keys: ['Shift+Q'], label: 'repeat.button', group: 'viewer' },
  { command: 'room.acknowledge', keys: ['Enter', 'a'], label: 'room.acknowledge', group: 'room' },
  { command: 'room.refuse', keys: ['x'], label: 'room.refuse', group: 'room' },
  { command: 'room.next', keys: ['ArrowDown', 'j'], label: 'key.roomNext', group: 'room' },
  { command: 'room.previous', keys: ['ArrowUp', 'k'], label: 'key.roomPrevious', group: 'room' },
  { command: 'room.sound', keys: ['s'], label: 'room.soundTest', group: 'room' },
  { command: 'view.back', keys: ['Escape'], label: 'key.backToList', group: 'viewer' },
];

export interface KeyLike {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
  keyCode: number;
}

const IME_KEY_CODE = 229; // what Chrome reports for a key that an input method swallows

/** Name of the pressed key in the notation of `Binding.keys`; null if the key is not ours to take. */
export function pressed(event: KeyLike): string | null {
  if (event.isComposing || event.keyCode === IME_KEY_CODE) return null;
  if (event.altKey || event.metaKey) return null;
  // Of the browser's own combinations only those that mean undo and redo everywhere.
  if (event.ctrlKey) return /^[zy]$/i.test(event.key) ? `Ctrl+${event.shiftKey ? 'Shift+' : ''}${event.key.toUpperCase()}` : null;
  if (event.key.length === 1 && /[a-z]/i.test(event.key)) {
    return event.shiftKey ? `Shift+${event.key.toUpperCase()}` : event.key.toLowerCase();
  }
  return event.key;
}

/** First command among `served` that the key is bound to. */
export function commandOf(key: string, served: ReadonlySet<string>, bindings: readonly Binding[] = BINDINGS): string | null {
  return bindings.find((binding) => served.has(binding.command) && binding.keys.includes(key))?.command ?? null;
}

const NOT_TEXT = new Set(['checkbox', 'radio', 'button', 'submit', 'reset', 'file', 'range']);

export function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !NOT_TEXT.has(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

/** Enter and Space on a focused control belong to that control. */
function belongsToControl(key: string, target: EventTarget | null): boolean {
  if (key !== 'Enter' && key !== ' ') return false;
  return target instanceof HTMLElement && target.closest('button, a[href], summary, [role="tab"], [role="menuitem"], [role="option"]') !== null;
}

function insideDialog(target: EventTarget | null): boolean {
  return document.querySelector('.ant-modal-wrap:not([style*="display: none"])') !== null || (target instanceof HTMLElement && target.closest('[role="dialog"], [role="menu"], .ant-select-dropdown, .ant-picker-dropdown') !== null);
}

/** Serve commands while `active`. */
export function useCommands(commands: Record<string, (key: string) => void>, active = true): void {
  const latest = useRef(commands);
  // Before the next key or stroke: an ordinary effect may run only after it.
  useLayoutEffect(() => {
    latest.current = commands;
  });
  const { bindings } = useHabits();
  useEffect(() => {
    if (!active) return;
    function onKey(event: KeyboardEvent): void {
      if (event.defaultPrevented || isTextField(event.target) || insideDialog(event.target)) return;
      const key = pressed(event);
      if (key === null || belongsToControl(key, event.target)) return;
      const command = commandOf(key, new Set(Object.keys(latest.current)), bindings);
      if (command === null) return;
      event.preventDefault();
      latest.current[command]?.(key);
    }
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [active, bindings]);
}
