import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { en, zh } from '../src/i18n';
import baseZh from '../src/i18n/zh.json';
import { pseudo } from '../src/i18n/pseudo';
import regionZh from '../src/i18n/region.zh.json';

const SOURCE = join(import.meta.dirname, '../src');
const sources = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => ({ name, text: readFileSync(join(SOURCE, name), 'utf8') }));
const facts = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort();

describe('catalogues', () => {
  it('hold the same ids', () => expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort()));

  it('do not overwrite each other', () => expect(Object.keys(regionZh).filter((key) => key in baseZh)).toEqual([]));

  it('hold the same placeholders', () => {
    for (const [key, text] of Object.entries(zh)) expect(facts(en[key as keyof typeof en]), key).toEqual(facts(text));
  });

  it('have no empty text, and Chinese is Chinese', () => {
    const neutral = /^[A-Za-z0-9 .{}/:·-]*$/;
    for (const [key, text] of Object.entries({ ...en, ...zh })) expect(text.trim(), key).not.toBe('');
    expect(Object.entries(zh).filter(([, text]) => neutral.test(text))).toEqual([]);
    expect(Object.entries(en).filter(([, text]) => /[\u4e00-\u9fff]/.test(text))).toEqual([]);
  });

  it('have no unused id', () => {
    const all = sources.map((source) => source.text).join('\n');
    // `t(`qc.${state}.long`)` uses every id of that shape.
    const shapes = [...all.matchAll(/`([a-zA-Z]+\.[^`\s]*\$\{[^`]*)`/g)].map((found) => {
      const parts = (found[1] ?? '').split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^()|[\]\\]/g, '\\$&'));
      return new RegExp(`^${parts.join('[^.]+')}$`);
    });
    const unused = Object.keys(zh).filter((key) => !all.includes(`'${key}'`) && !shapes.some((shape) => shape.test(key)));
    expect(unused).toEqual([]);
  });

  it('leave no Chinese text in the code', () => {
    const allowed = /'中文'|>杏林<|\/\*\*|服务器拒绝了请求|glyph="文"/;
    const found = sources.flatMap(({ name, text }) => text.split('\n').filter((line) => /[\u4e00-\u9fff]/.test(line) && !allowed.test(line)).map((line) => `${name}: ${line.trim()}`));
    expect(found).toEqual([]);
  });

  it('can be stretched', () => expect(pseudo({ a: '保存 {n}' })['a']).toMatch(/^⟦保存 \{n\}·+⟧$/));
});
