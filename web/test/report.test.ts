import { describe, expect, it } from 'vitest';
import { dueIn } from '../src/report/due';
import * as edits from '../src/report/edit';
import { BLANK, fieldsIn, optionsOf, optionsText, withFields, wrongWith } from '../src/report/phrases';
import type { Change, Content, FollowUpTable, Phrase, Severity, Statement } from '../src/report/types';

const CAVITY: Statement = { key: 'lesions:cavity', section: 'findings', way: 'bound', template: 'finding.lesions', arguments: { long_mm: 23 }, sources: ['L3.long_axis_mm'], origin: 'ai', confirmed: false, text: '', language: 'zh', replaces: '' };
const EMPTY: Content = { statements: [CAVITY], classification: { state: '', site: '', bacteriology: '', resistance: '', history: '', tier: '', basis: [] }, severity: [], dismissed: [], acknowledged: [] };
const TABLE: FollowUpTable = { comparison: 'c1', prior_date: '20260801', current_date: '20261120', conclusion_zh: '缩小', conclusion_en: 'smaller', rows: [] };
const MEASURED: Severity = { scale: 'timika', value: '52', source: 'measurement', note_zh: '', note_en: '', confirmed: false };
const PHRASE: Phrase = { id: 'cavity', version: 2, abbreviation: 'kd', section: 'findings', zh: '{side}肺空洞', en: '{side} cavity', fields: [{ name: 'side', zh: '侧', en: 'side', kind: 'choice', options: [{ zh: '右', en: 'right' }] }] };

describe('edits of a report', () => {
  it('confirms, rewords and takes out an AI statement', () => {
    expect(edits.confirmed(EMPTY, [CAVITY.key]).statements[0]?.confirmed).toBe(true);
    const reworded = edits.reworded(EMPTY, CAVITY.key, '右上叶空洞。', 'zh').statements[0];
    expect(reworded).toMatchObject({ way: 'free', origin: 'person', replaces: CAVITY.key, key: `edit:${CAVITY.key}` });
    expect(edits.removed(EMPTY, CAVITY.key)).toMatchObject({ statements: [], dismissed: [CAVITY.key] });
    expect(EMPTY.statements).toEqual([CAVITY]); // nothing is changed in place
  });

  it('gives words and phrases keys of their own', () => {
    const twice = edits.phrased(edits.phrased(EMPTY, PHRASE, { side: '右' }), PHRASE, {});
    expect(twice.statements.map((one) => one.key)).toEqual([CAVITY.key, 'phrase:cavity:1', 'phrase:cavity:2']);
    expect(twice.statements[1]).toMatchObject({ template: 'cavity@2', arguments: { side: '右' }, way: 'phrase' });
    expect(edits.found([PHRASE], ' KD ')).toBe(PHRASE);
    expect(edits.found([PHRASE], '')).toBeUndefined();
  });

  it('takes changed measurements over unconfirmed', () => {
    const now = { ...CAVITY, arguments: { long_mm: 25 } };
    const change: Change = { key: CAVITY.key, what: 'changed', before_zh: '', after_zh: '', before_en: '', after_en: '', offered: now };
    const [one] = edits.refreshed(edits.confirmed(EMPTY, [CAVITY.key]), [change]).statements;
    expect(one).toEqual(now);
    expect(edits.refreshed(EMPTY, [{ ...change, what: 'gone', offered: null }]).statements).toEqual([]);
  });

  it('keeps the facts of a tier with who says them', () => {
    const held = edits.based(edits.based(edits.tiered(EMPTY, 'clinical'), 'imaging', 'measurement', true), 'igra', 'person:chen', true);
    expect(held.classification.basis.map((one) => one.source)).toEqual(['measurement', 'person:chen']);
    expect(edits.based(held, 'igra', 'person:chen', false).classification.basis).toHaveLength(1);
    expect(edits.classified(held, 'site', 'secondary').classification).toMatchObject({ site: 'secondary', tier: 'clinical' });
  });

  it('holds one value per scale: measured or stated', () => {
    const taken = edits.severityTaken(EMPTY, MEASURED, true);
    expect(taken.severity).toEqual([{ ...MEASURED, confirmed: true }]);
    const own = edits.severityStated(taken, 'timika', '60', 'chen').severity;
    expect(own).toHaveLength(1);
    expect(own[0]).toMatchObject({ value: '60', source: 'person:chen', confirmed: true });
    expect(edits.severityStated(taken, 'timika', '', 'chen').severity).toEqual([]);
    expect(edits.scored(edits.scored('', 'cavity', true), 'effusion', true)).toBe('cavity,effusion');
    expect(edits.scored('cavity,effusion', 'cavity', false)).toBe('effusion');
  });

  it('puts the table and at most four pictures in, and leaves no trace when they go', () => {
    expect(edits.compared(EMPTY, TABLE).follow_up).toBe(TABLE);
    expect(edits.compared(edits.compared(EMPTY, TABLE), null)).toEqual(EMPTY);
    const five = ['1/1', '2/1', '3/1', '4/1', '5/1'].reduce((old, frame) => edits.pictured(old, frame, true), EMPTY);
    expect(five.pictures).toEqual(['1/1', '2/1', '3/1', '4/1']);
    expect(edits.pictured(edits.pictured(EMPTY, '1/1', true), '1/1', false)).toEqual(EMPTY);
  });
});

describe('phrases', () => {
  it('reads fields from the Chinese words and keeps what they were', () => {
    expect(fieldsIn('{side}肺{size}，{side}')).toEqual(['side', 'size']);
    const form = withFields({ ...PHRASE, zh: '{side}肺见{n}个空洞' });
    expect(form.fields.map((one) => one.kind)).toEqual(['choice', 'text']);
    expect(optionsOf('右/right；左 / left; 双')).toEqual([{ zh: '右', en: 'right' }, { zh: '左', en: 'left' }, { zh: '双', en: '双' }]);
    expect(optionsOf(optionsText([{ zh: '右', en: 'right' }]))).toEqual([{ zh: '右', en: 'right' }]);
  });

  it('says what hinders saving', () => {
    const good = { ...PHRASE };
    expect(wrongWith(BLANK, [])).toBe('id');
    expect(wrongWith({ ...good, abbreviation: ' ' }, [])).toBe('abbreviation');
    expect(wrongWith(good, [{ id: 'other', abbreviation: 'kd' }])).toBe('taken');
    expect(wrongWith({ ...good, en: '' }, [])).toBe('words');
    expect(wrongWith({ ...good, en: 'cavity' }, [])).toBe('fields');
    expect(wrongWith(good, [{ id: 'cavity', abbreviation: 'kd' }])).toBeNull();
  });
});

it('tells how long is left, and how long it is over', () => {
  const due = '2026-11-24T08:00:00+08:00';
  expect(dueIn(due, Date.parse('2026-11-23T20:30:00+08:00'))).toEqual({ hours: 11, minutes: 30, over: false });
  expect(dueIn(due, Date.parse('2026-11-25T08:00:30+08:00'))).toEqual({ hours: 24, minutes: 0, over: true });
});
