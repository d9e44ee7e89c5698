/** What stands on the screen before a whole case is here. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CaseBroken, sealedFrames, seriesOf, textOf } from '../src/portal/case/bundle';
import { shrunk } from '../src/viewer/frames';

const element = (...Value: unknown[]) => ({ vr: 'DS', Value });
const INSTANCE = { '00080018': element('1.2'), '00280010': element(2001), '00280011': element(3000), '00280030': element(0.15, 0.2) };
const FRAME = { object: 'o_whole', offset: 0, length: 9, syntax: 'x' };
const SMALL = { object: 'o_small', offset: 0, length: 3, syntax: 'x', factor: 4 };
const manifest = (frames: unknown[]) => JSON.stringify({ series: [{ series_uid: '1', modality: 'DX', instances: [INSTANCE], frames }] });

describe('an opened object', () => {
  it('is unpacked where it was packed', async () => {
    const packed = new Uint8Array(gzipSync('{"a":"肺"}'));
    expect(await textOf({ content_type: 'application/gzip' }, packed)).toBe('{"a":"肺"}');
    expect(await textOf({ content_type: 'application/json' }, new TextEncoder().encode('{}'))).toBe('{}');
  });
  it('is refused where it only says that it is packed', async () => {
    await expect(textOf({ content_type: 'application/gzip' }, new TextEncoder().encode('{}'))).rejects.toBeInstanceOf(CaseBroken);
  });
});

describe('a large frame', () => {
  it('has a smaller one with an address of its own', () => {
    const [series] = seriesOf(manifest([{ ...FRAME, reduced: SMALL }]));
    if (series === undefined) throw new Error('no series');
    const { sources, places } = sealedFrames('c', 0, series);
    const reduced = sources[0]?.reduced;
    expect(reduced?.factor).toBe(4);
    expect(places.get(reduced?.imageId ?? '')?.object).toBe('o_small');
    expect(places.get(sources[0]?.frame.imageId ?? '')?.object).toBe('o_whole');
  });
  it.each([[undefined], [null], [{ ...SMALL, factor: 1 }], [{ ...SMALL, factor: 'x' }], [7]])('goes without one where it makes no sense: %j', (reduced) => {
    const [series] = seriesOf(manifest([{ ...FRAME, reduced }]));
    expect(series?.frames[0]).toEqual(FRAME);
  });
  it('covers the same place: fewer pixels, farther apart', () => {
    const small = shrunk(INSTANCE, 4);
    expect([small['00280010']?.Value, small['00280011']?.Value, small['00280030']?.Value]).toEqual([[501], [750], [0.6, 0.8]]);
    expect(small['00080018']).toEqual(INSTANCE['00080018']);
  });
});
