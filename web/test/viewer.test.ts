import { describe, expect, it } from 'vitest';
import type { DicomObject, Lesion, ManifestSeries, Outlines } from '../src/api/types';
import { edgeLetters, frameAddress, framesOf, lettersOf, nearestSlice, slicePositionMm, type Frame } from '../src/viewer/frames';
import { notchesOf } from '../src/viewer/interaction';
import { areaOf, bestSlice, stepLesion } from '../src/viewer/lesions';
import { pathOf } from '../src/viewer/Overlay';
import { nextWanted, prefetch } from '../src/viewer/prefetch';
import { draggedWindow, firstPreset, PRESETS } from '../src/viewer/presets';

const el = (...Value: unknown[]) => ({ vr: 'XX', Value });
const slice = (z: number, more: DicomObject = {}): DicomObject => ({
  '00080018': el(`1.2.${z}`),
  '00280010': el(4),
  '00280011': el(5),
  '00200032': el('-10', '-20', String(-z)),
  '00200037': el(1, 0, 0, 0, 1, 0),
  ...more,
});
const series = (instances: DicomObject[]): ManifestSeries => ({ series_uid: '9.9', modality: 'CT', number: 1, description: '', instances });
const frames = framesOf('http://h', '1.1', series([0, 5, 10].map((z) => slice(z)))).map((source) => source.frame);
const bare: Frame = { ...(frames[0] as Frame), rowCosine: null, columnCosine: null, position: null };

describe('frames', () => {
  it('have addresses and outline keys', () => {
    expect(frames[1]?.key).toBe('1.2.5/1');
    expect(frames[1]?.imageId).toBe('wadors:http://h/dicomweb/studies/1.1/series/9.9/instances/1.2.5/frames/1');
    expect([frames[1]?.rows, frames[1]?.columns]).toEqual([4, 5]);
  });
  it('come one per frame of a multi-frame object', () => {
    const many = framesOf('', '1', series([slice(0, { '00280008': el('3') })])).map((source) => source.frame.key);
    expect(many).toEqual(['1.2.0/1', '1.2.0/2', '1.2.0/3']);
  });
  it('of an enhanced object have their own place, spacing and rescale; the frame goes before what is shared', () => {
    const group = (more: Record<string, unknown[]>) => ({ vr: 'SQ', Value: [Object.fromEntries(Object.entries(more).map(([tag, Value]) => [tag, { vr: 'XX', Value }]))] });
    const per = (z: number, more: DicomObject = {}) => ({ '00209113': group({ '00200032': ['-10', '-20', String(z)] }), ...more });
    const enhanced: DicomObject = {
      '00080018': el('1.2.0'),
      '00280008': el('2'),
      '00280010': el(4),
      '00280011': el(5),
      '52009229': el({ '00209116': group({ '00200037': [1, 0, 0, 0, 1, 0] }), '00289110': group({ '00280030': [0.5, 0.6], '00180050': [1.25] }), '00289145': group({ '00281052': [-1024], '00281053': [1] }) }),
      '52009230': el(per(-5), per(-7, { '00289145': group({ '00281052': [-1000], '00281053': [2] }) })),
    };
    const [one, two] = framesOf('', '1', series([enhanced]));
    expect([one, two].map((source) => slicePositionMm(source?.frame as Frame))).toEqual([-5, -7]);
    expect(two?.frame).toMatchObject({ key: '1.2.0/2', spacingMm: [0.5, 0.6], spacingOf: 'patient', thicknessMm: 1.25 });
    expect([one, two].map((source) => source?.metadata['00281052']?.Value?.[0])).toEqual([-1024, -1000]);
    // What is left is an image of its own: the loader must not merge its frames once more.
    expect([one?.metadata['52009230'], one?.metadata['00280008']]).toEqual([undefined, undefined]);
    expect(enhanced['52009230']).toBeDefined();
  });
  it('leave out objects without a picture', () => expect(framesOf('', '1', series([{ '00080018': el('1') }]))).toEqual([]));
  it('escape hostile identifiers in the address', () => expect(frameAddress('', '../x', 'a?b', 'c#d', 1)).toBe('wadors:/dicomweb/studies/..%2Fx/series/a%3Fb/instances/c%23d/frames/1'));
  it('survive missing and broken geometry', () => {
    const odd = framesOf('', '1', series([slice(0, { '00200037': el('x', 1), '00200032': { vr: 'DS' } })]))[0]?.frame;
    expect(odd?.rowCosine).toBe(null);
    expect(slicePositionMm(odd as Frame)).toBe(null);
  });
});

describe('geometry', () => {
  it('measures the position along the normal', () => expect(frames.map((frame) => slicePositionMm(frame) ?? NaN)).toEqual([expect.closeTo(0), -5, -10]));
  it('finds the slice nearest to a point', () => {
    expect(nearestSlice(frames, [100, 50, -6])).toBe(1);
    expect(nearestSlice([bare], [0, 0, 0])).toBe(null);
  });
  it('names directions in LPS', () => {
    expect(lettersOf([1, 0, 0])).toBe('L');
    expect(lettersOf([0, -1, 0])).toBe('A');
    expect(lettersOf([0, 0.6, 0.8])).toBe('HP');
  });
  it('puts letters at the edges', () => {
    expect(edgeLetters(frames[0] as Frame)).toEqual({ left: 'R', right: 'L', top: 'A', bottom: 'P' });
    expect(edgeLetters({ ...bare, patientOrientation: ['L', 'F'] })).toEqual({ left: 'R', right: 'L', top: 'H', bottom: 'F' });
    expect(edgeLetters(bare)).toBe(null);
  });
});

const lesion = (id: number, z: number): Lesion => ({ id, kind: 'cavity', centroid_mm: [0, 0, z], volume_ml: 1, long_axis_mm: 1, short_axis_mm: 1, mean_hu: 0, location: '', probability: 1 });
const square = (side: number): [number, number][] => [[0, 0], [side, 0], [side, side], [0, side]];

describe('lesions', () => {
  const outlines: Outlines = {
    series_uid: '9.9',
    version: 1,
    lines: {
      '1.2.0/1': [{ lesion: 1, kind: 'cavity', points: square(2) }],
      '1.2.10/1': [{ lesion: 1, kind: 'cavity', points: square(3) }, { lesion: 2, kind: 'cavity', points: square(9) }],
    },
  };
  it('areas are right for both directions of going round', () => {
    expect(areaOf(square(3))).toBe(9);
    expect(areaOf(square(3).reverse())).toBe(9);
    expect(areaOf([])).toBe(0);
  });
  it('are shown where their outline is largest, else nearest to the centre', () => {
    expect(bestSlice(lesion(1, 0), frames, outlines)).toBe(2);
    expect(bestSlice(lesion(7, -5.2), frames, outlines)).toBe(1);
    expect(bestSlice(lesion(1, 0), frames, null)).toBe(0);
    expect(bestSlice(lesion(7, 0), [bare], null)).toBe(null);
  });
  it('are stepped through in a ring', () => {
    const all = [lesion(4, 0), lesion(2, 0), lesion(9, 0)];
    expect(stepLesion(all, null, 1)).toBe(4);
    expect(stepLesion(all, null, -1)).toBe(9);
    expect(stepLesion(all, 9, 1)).toBe(4);
    expect(stepLesion(all, 4, -1)).toBe(9);
    expect(stepLesion([], 1, 1)).toBe(null);
  });
  it('draw closed paths through pixel centres', () => {
    expect(pathOf([[1, 2], [3.5, 4]])).toBe('M1,2L3.5,4Z');
    expect(pathOf([])).toBe('');
  });
});

describe('windows', () => {
  it('have the values of chest reading', () => {
    expect(PRESETS.lung.window).toEqual({ width: 1500, centre: -600 });
    expect(PRESETS.mediastinum.window).toEqual({ width: 400, centre: 40 });
    expect(PRESETS.file.window).toBe(null);
  });
  it('start with lung on CT only', () => expect(['CT', 'DX', 'CR'].map((name) => firstPreset(name))).toEqual(['lung', 'file', 'file']));
  it('never collapse when dragged', () => {
    expect(draggedWindow({ width: 400, centre: 40 }, -10000, 0).width).toBe(1);
    expect(draggedWindow({ width: 400, centre: 40 }, 10, 20)).toEqual({ width: 415, centre: 60 });
  });
});

describe('wheel', () => {
  it('turns one notch for a mouse and gathers a trackpad', () => {
    expect(notchesOf(0, 100)).toEqual({ notches: 1, rest: 0 });
    expect(notchesOf(0, 10)).toEqual({ notches: 0, rest: 10 });
    expect(notchesOf(35, 10).notches).toBe(1);
    expect(notchesOf(35, -10)).toEqual({ notches: 0, rest: -10 });
  });
});

describe('prefetch', () => {
  it('goes outward from the eye, forward first', () => {
    const seen: number[] = [];
    for (let next = nextWanted(5, 2, () => false); next !== null; next = nextWanted(5, 2, (index) => seen.includes(index))) seen.push(next);
    expect(seen).toEqual([2, 3, 1, 4, 0]);
  });
  it('loads everything once, and follows the eye', async () => {
    const asked: number[] = [];
    const waiting: (() => void)[] = [];
    const run = prefetch({ count: 6, room: () => true, onLoaded: () => undefined, load: (index) => { asked.push(index); return new Promise<void>((done) => waiting.push(done)); } }, 0);
    expect(asked).toEqual([0, 1, 2]);
    run.recentre(5);
    while (waiting.length > 0) {
      waiting.shift()?.();
      await new Promise((done) => setTimeout(done, 0));
    }
    expect(asked).toEqual([0, 1, 2, 5, 4, 3]);
  });
  it('stops when the cache is full', () => {
    const asked: number[] = [];
    prefetch({ count: 6, room: () => false, onLoaded: () => undefined, load: (index) => { asked.push(index); return Promise.resolve(); } }, 0);
    expect(asked).toEqual([]);
  });
});
