import { describe, expect, it, vi } from 'vitest';
import { createAlarm } from '../src/quality/alarm';
import { countsOf, countsQuery, listOf } from '../src/quality/counts';
import { codesOf, inShort, lineOf, standing } from '../src/quality/quality';
import { forRoom, lineStands, roomOf, roomPath, soundOf, waited } from '../src/quality/room';
import type { Advised, CountLine, Quality, RepeatRequest } from '../src/quality/types';

const request = (id: string, change: Partial<RepeatRequest> = {}): RepeatRequest =>
  ({ id, state: 'requested', at: `2026-11-23T10:00:0${id}Z`, source_ae: 'DR1', station: 'A', modality: 'DX', ...change }) as RepeatRequest;
const reason = (code: string, severity: Advised['severity']): Advised => ({ code, severity, message_zh: code, message_en: code, action: 'repeat', advice_zh: '', advice_en: '' });
const quality = (verdict: Quality['verdict'], reasons: Advised[], requests: RepeatRequest[] = []): Quality => ({ verdict, reasons, requests, closings: [] });

describe('the room', () => {
  it('is in the address', () => {
    expect(roomOf('?ae=DR1&station=&x=1')).toEqual({ ae: 'DR1' });
    expect(roomPath({ ae: 'DR 1', station: 'A' })).toBe('/room?ae=DR+1&station=A');
    expect(roomPath(roomOf(''))).toBe('/room');
  });

  it('shows its own requests, unseen ones first, then the oldest', () => {
    const open = [request('3'), request('1', { state: 'acknowledged' }), request('2'), request('4', { source_ae: 'CT1', modality: 'CT' })];
    expect(forRoom(open, { ae: 'DR1' }).map((one) => one.id)).toEqual(['2', '3', '1']);
    expect(forRoom(open, { modality: 'DR' })).toHaveLength(3);
    expect(forRoom(open, { modality: 'CT' }).map((one) => one.id)).toEqual(['4']);
    expect(forRoom(open, {})).toHaveLength(4);
  });

  it('knows a dead line from a quiet one', () => {
    expect(lineStands('live', 1000, 9000, 3)).toBe(true);
    expect(lineStands('live', 1000, 11_001, 3)).toBe(false);
    expect(lineStands('lost', 1000, 1100, 3)).toBe(false);
    expect(lineStands('live', null, 1100, 3)).toBe(false);
  });

  it('sounds for a lost line before a request, and is silent before it ever was connected', () => {
    expect(soundOf(true, true, 2)).toBe('request');
    expect(soundOf(true, true, 0)).toBeNull();
    expect(soundOf(false, true, 2)).toBe('lost');
    expect(soundOf(false, false, 0)).toBeNull();
  });

  it('says how long somebody waits', () => expect([5, 65, 3700, -1].map(waited)).toEqual(['5 s', '1 min 05 s', '1 h 1 min', '0 s']));
});

describe('the bell', () => {
  const speaker = (state: AudioContextState) => {
    const tones: number[] = [];
    const gain = { gain: { setValueAtTime: vi.fn(), linearRampToValueAtTime: vi.fn() }, connect: vi.fn() };
    const made = { state, currentTime: 0, destination: {}, resume: () => new Promise(() => undefined), close: vi.fn(), createGain: () => gain, createOscillator: () => ({ type: '', frequency: { set value(hertz: number) { tones.push(hertz); } }, connect: () => gain, start: vi.fn(), stop: vi.fn() }) };
    return { tones, made: made as unknown as AudioContext };
  };

  it('makes its own tones, another for a lost line', () => {
    const { tones, made } = speaker('running');
    const bell = createAlarm(() => made);
    bell.ring('request');
    expect(tones).toEqual([880, 1175, 880, 1175]);
    bell.ring('lost');
    expect(tones.slice(4)).toEqual([330, 247]);
  });

  it('says that the browser keeps it silent, and does not wait for ever', async () => {
    vi.stubGlobal('window', globalThis);
    const { tones, made } = speaker('suspended');
    const bell = createAlarm(() => made);
    expect(await bell.unlock()).toBe(false);
    expect(bell.heard()).toBe(false);
    bell.ring('request');
    expect(tones).toEqual([]);
    vi.unstubAllGlobals();
  });
});

describe('the line that follows a study', () => {
  it('is silent where quality passed', () => {
    expect(lineOf(quality('pass', [reason('X', 'info')]))).toBeNull();
    expect(lineOf(quality('', []))).toBeNull();
  });

  it('names the worst reason and counts the others', () => {
    expect(lineOf(quality('reject', [reason('A', 'reject'), reason('B', 'warn'), reason('C', 'info')]))).toMatchObject({ verdict: 'reject', first: { code: 'A' }, more: 1 });
    expect(lineOf(quality('failed', []))).toMatchObject({ first: undefined, more: 0 });
    expect(codesOf(quality('warn', [reason('A', 'warn'), reason('A', 'warn'), reason('C', 'info')]))).toEqual(['A']);
  });

  it('is short in the corner', () => {
    expect(inShort('图像模糊（呼吸或体动）；请屏气后重拍。')).toBe('图像模糊（呼吸或体动）');
    expect(inShort('Noise 31 HU exceeds 25.5 HU; use a smoother kernel')).toBe('Noise 31 HU exceeds 25.5 HU');
  });

  it('speaks of the open request, else of the newest', () => {
    expect(standing([request('2', { state: 'done' }), request('1')])?.id).toBe('1');
    expect(standing([request('2', { state: 'done' }), request('1', { state: 'refused' })])?.id).toBe('2');
    expect(standing([])).toBeNull();
  });
});

describe('statistics', () => {
  it('have their period in the address, thirty days without one', () => {
    expect(countsOf('')).toEqual({ by: 'device', days: '30' });
    expect(countsOf('?by=operator&from=2026-11-01')).toEqual({ by: 'operator', from: '2026-11-01' });
    expect(countsQuery(countsOf('?by=operator&from=2026-11-01'))).toBe('by=operator&from=2026-11-01');
  });

  it('lead from each number to the list that it counts', () => {
    const line = { group: { manufacturer: 'Maker', model: '', station: 'DR 2', ae: 'DR1' } } as unknown as CountLine;
    expect(listOf({ by: 'device', modality: 'DR', days: '30' }, line, { qc: 'reject' })).toBe('/?modality=DR&manufacturer=Maker&model=%E2%80%94&ae=DR1&qc=reject&station=DR+2&days=30');
    expect(listOf({ by: 'operator', from: '2026-11-01' }, { group: {} } as unknown as CountLine, { reason: 'DR_BLUR' })).toBe('/?reason=DR_BLUR&from=2026-11-01');
  });
});
