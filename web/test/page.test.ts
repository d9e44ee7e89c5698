import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BINDINGS, commandOf, pressed, type KeyLike } from '../src/app/keys';
import { batches } from '../src/pages/uploading';
import { age, ageYears, bytes, date, instant, time } from '../src/ui/format';

const key = (change: Partial<KeyLike>): KeyLike => ({ key: 'n', shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, isComposing: false, keyCode: 0, ...change });

describe('keys', () => {
  it('are read with shift and without the browser\'s own', () => {
    expect(pressed(key({}))).toBe('n');
    expect(pressed(key({ key: 'N', shiftKey: true }))).toBe('Shift+N');
    expect(pressed(key({ key: 'N' }))).toBe('n'); // Caps Lock
    expect(pressed(key({ key: '?', shiftKey: true }))).toBe('?');
    for (const modifier of ['ctrlKey', 'altKey', 'metaKey'] as const) expect(pressed(key({ [modifier]: true }))).toBe(null);
  });
  it('are dead while an input method composes', () => {
    expect(pressed(key({ isComposing: true }))).toBe(null);
    expect(pressed(key({ keyCode: 229 }))).toBe(null);
  });
  it('mean one thing on each page', () => {
    for (const group of ['list', 'viewer'] as const) {
      const taken = BINDINGS.filter((binding) => binding.group === group || binding.group === 'general').flatMap((binding) => binding.keys);
      expect(new Set(taken).size).toBe(taken.length);
    }
  });
  it('find the command that the page serves', () => {
    expect(commandOf('ArrowDown', new Set(['view.next']))).toBe('view.next');
    expect(commandOf('ArrowDown', new Set(['list.down', 'list.up']))).toBe('list.down');
    expect(commandOf('q', new Set(['list.down']))).toBe(null);
  });
});

describe('format', () => {
  it('writes dates and times, and leaves what it does not know', () => {
    expect([date('20261122'), date('2026-11-22'), date('<b>')]).toEqual(['2026-11-22', '2026-11-22', '<b>']);
    expect([time('101530.25'), time('10:15:30'), time('')]).toEqual(['10:15', '10:15', '']);
    expect([instant(null), instant('never')]).toEqual(['—', 'never']);
  });
  it('counts whole years', () => {
    expect(ageYears('1980-11-23', '2026-11-22')).toBe(45);
    expect(ageYears('19801122', '20261122')).toBe(46);
    expect(ageYears('', '2026-11-22')).toBe(null);
    expect(ageYears('2027-01-01', '2026-11-22')).toBe(null);
  });
  it('writes sizes and ages', () => {
    expect([bytes(0), bytes(1024), bytes(1.5 * 1024 ** 3)]).toEqual(['0 B', '1.0 KiB', '1.5 GiB']);
    expect([age(12), age(640), age(7320), age(300000)]).toEqual(['12 s', '10 min', '2 h 2 min', '3 d']);
  });
});

describe('upload batches', () => {
  it('keep the order and both limits', () => {
    const files = [3, 3, 3, 9, 1].map((size) => ({ size }));
    expect(batches(files, 2, 8).map((batch) => batch.map((file) => file.size))).toEqual([[3, 3], [3], [9], [1]]);
    expect(batches([], 2, 8)).toEqual([]);
  });
});

/** Relative luminance and contrast, WCAG 2.1. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const contrast = (a: string, b: string) => {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

describe('colours', () => {
  const css = readFileSync(join(import.meta.dirname, '../src/ui/style.css'), 'utf8');
  const themeOf = (selector: string): Record<string, string> => {
    const start = css.indexOf(`${selector} {`);
    return Object.fromEntries([...css.slice(start, css.indexOf('}', start)).matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map((found): [string, string] => [found[1] ?? '', found[2] ?? '']));
  };
  const light = themeOf(':root');
  const themes: [string, Record<string, string>][] = [
    ['light', light],
    ['dark', { ...light, ...themeOf(':root.dark') }],
  ];
  it.each(themes)('reach 4.5:1 in the %s theme', (_, theme) => {
    const at = (name: string) => theme[name] ?? '#000000';
    const tones = ['good', 'warn', 'bad', 'busy', 'quiet'];
    const pairs: [string, string][] = [
      ...tones.map((tone): [string, string] => [`${tone}-fg`, `${tone}-bg`]),
      ...['bg', 'sheet', 'row-hover', 'accent-soft'].flatMap((ground): [string, string][] => [['text', ground], ['muted', ground]]),
      ...['good', 'warn', 'bad'].map((tone): [string, string] => [`${tone}-fg`, 'sheet']),
      ['accent', 'sheet'],
      ['accent', 'bg'],
    ];
    const poor = pairs.filter(([front, ground]) => contrast(at(front), at(ground)) < 4.5);
    expect(poor).toEqual([]);
  });
});
