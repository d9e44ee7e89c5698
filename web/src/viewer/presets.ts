/** Display windows as data. Values: width/centre in HU, from common chest reading practice. */
import type { Key } from '../i18n';

export interface Window {
  width: number;
  centre: number;
}

export type PresetName = 'lung' | 'mediastinum' | 'bone' | 'file';

/** `file` means the window that the image itself states. */
export const PRESETS: Record<PresetName, { label: Key; window: Window | null }> = {
  lung: { label: 'preset.lung', window: { width: 1500, centre: -600 } },
  mediastinum: { label: 'preset.mediastinum', window: { width: 400, centre: 40 } },
  bone: { label: 'preset.bone', window: { width: 2500, centre: 480 } },
  file: { label: 'preset.file', window: null },
};

/** TB reading starts in the lung window; other modalities with what the file says. */
export function firstPreset(modality: string): PresetName {
  return modality === 'CT' ? 'lung' : 'file';
}

/** Window after a drag: right = wider, down = brighter centre moves up; step follows the width. */
export function draggedWindow(start: Window, dx: number, dy: number): Window {
  const step = Math.max(start.width, 20) / 400;
  return { width: Math.max(1, start.width + dx * step * 1.5), centre: start.centre + dy * step };
}
