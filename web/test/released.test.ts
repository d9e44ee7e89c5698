import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashOf, MANIFEST, manifestOf } from '../integrity';
import { serverOf } from '../src/portal/ServedBy';

describe('the list of released files', () => {
  it('names every file by its path, and not itself', () => {
    const folder = mkdtempSync(join(tmpdir(), 'released-'));
    mkdirSync(join(folder, 'assets'));
    const files = { 'portal.html': '<p>', 'assets/a.js': 'a', [MANIFEST]: '{}' };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    expect(manifestOf(folder)).toEqual({ 'assets/a.js': hashOf(Buffer.from('a')), 'portal.html': hashOf(Buffer.from('<p>')) });
  });
});

describe('whose code the page is', () => {
  it.each([
    ['hub', { by: 'hub', hospital: '' }],
    ['box', { by: 'box', hospital: '' }],
    ['box 甲县 人民医院', { by: 'box', hospital: '甲县 人民医院' }],
    ['hub 甲县', { by: 'hub', hospital: '' }],
    ['__SERVED_BY__', null],
    ['', null],
    [null, null],
  ])('%s', (said, server) => expect(serverOf(said)).toEqual(server));
  it('has a place in the page', () => {
    expect(readFileSync(new URL('../portal.html', import.meta.url), 'utf8')).toContain('<meta name="xinglin-served-by" content="__SERVED_BY__" />');
  });
});
