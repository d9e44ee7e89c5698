import { describe, expect, it } from 'vitest';
import type { Joint } from '../src/study/joined';
import { jointWith, onFilm, onSlice } from '../src/study/jointMarks';
import type { Frame } from '../src/viewer/frames';

const slice = (z: number): Frame => ({
  imageId: 'i', key: `k${z}/1`, rows: 512, columns: 512, rowCosine: [1, 0, 0], columnCosine: [0, 1, 0], position: [-180, -150, z],
  frameOfReference: '1.2', patientOrientation: null, thicknessMm: 1, spacingMm: [0.6, 0.7], spacingOf: 'patient',
});
const film: Frame = { ...slice(0), rows: 2000, columns: 1600, rowCosine: null, columnCosine: null, position: null };
const found: Partial<Joint> = {
  film: { rows: 500, columns: 400 },
  regions: [{ box_px: [90, 80, 150, 160] }],
  overlay: {
    status: 'ok', reason: null, agreement: 0.9,
    lesions: [
      { lesion_id: 3, centre_px: [120, 110], ellipse_px: [34, 23], in_image: true },
      { lesion_id: 4, centre_px: [-20, 110], ellipse_px: [34, 23], in_image: false },
    ],
    regions: [{ region: 0, front_mm: [-60, -100, 41], back_mm: [-58, 100, 39], radius_mm: [22, 30] }],
  },
};
const box = (ring: readonly [number, number][]) => [Math.min(...ring.map(([x]) => x)), Math.min(...ring.map(([, y]) => y)), Math.max(...ring.map(([x]) => x)), Math.max(...ring.map(([, y]) => y))];

describe('radiograph beside CT', () => {
  it('marks regions and lesions in the pixels of the film that is shown, not of the one that was computed on', () => {
    const [region, lesion, ...more] = onFilm(found, film);
    expect(more).toEqual([]); // what lies outside the image is not drawn
    expect([region?.kind, region?.n, box(region?.ring ?? [])]).toEqual(['region', 1, [320, 360, 640, 600]]);
    expect([lesion?.kind, lesion?.n]).toEqual(['lesion', 3]);
    expect(box(lesion?.ring ?? []).map(Math.round)).toEqual([440 - 92, 480 - 136, 440 + 92, 480 + 136]);
  });

  it('draws the beam through a region as a band, widest where it is aimed at', () => {
    const [band] = onSlice(found, slice(40));
    const [left, top, right, bottom] = box(band?.ring ?? []);
    expect(band?.n).toBe(1);
    expect(left).toBeCloseTo((-60 - 22 + 180) / 0.7, 6);
    expect(right).toBeCloseTo((-58 + 22 + 180) / 0.7, 6);
    expect([top, bottom].map((y) => Math.round((y ?? 0) * 0.6))).toEqual([50, 250]);
    const [edge] = onSlice(found, slice(40 + 24));
    const width = (ring: readonly [number, number][] = []) => (ring[1]?.[0] ?? 0) - (ring[0]?.[0] ?? 0);
    expect(width(edge?.ring)).toBeCloseTo(0.6 * width(band?.ring), 6); // 24 of 30 mm away
  });

  it('draws nothing beyond the uncertainty, on other planes, or without geometry', () => {
    expect(onSlice(found, slice(71))).toEqual([]);
    expect(onSlice(found, { ...slice(40), columnCosine: [0, 0, -1] })).toEqual([]);
    expect(onSlice(found, film)).toEqual([]);
    expect(onFilm({}, film)).toEqual([]);
  });

  it('is of the study beside this one, and only once it is done', () => {
    const row = (id: string, state: 'ok' | 'running', study: string) => ({ id, task: 'joint' as const, state, at: '', days: 1, carrier: true, reason: null, other: { study, study_date: '', study_time: '', modality: 'DX', description: '' } });
    const rows = [row('a', 'running', 's1'), row('b', 'ok', 's2')];
    expect([jointWith(rows, 's1'), jointWith(rows, 's2')?.id, jointWith(rows, 's3')]).toEqual([null, 'b', null]);
  });
});
