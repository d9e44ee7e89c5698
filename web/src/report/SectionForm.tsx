/** One section: its statements, and the line in which words or a phrase's abbreviation are typed. */
import { Button, Input, Select } from 'antd';
import { useState } from 'react';
import { useTexts } from '../i18n';
import * as edits from './edit';
import type { Content, Phrase, Said, Section, Statement } from './types';

type Edit = (change: (content: Content) => Content) => void;

function Line({ one, words, edit }: { one: Statement; words: string; edit: Edit | null }) {
  const { t, language } = useTexts();
  const [typed, setTyped] = useState<string | null>(null);
  const waiting = one.origin === 'ai' && !one.confirmed;
  function keep(): void {
    if (typed !== null && typed.trim() !== '' && typed !== words) edit?.((old) => edits.reworded(old, one.key, typed, language));
    setTyped(null);
  }
  return (
    <li className={waiting ? 'statement unconfirmed' : 'statement'} data-statement={one.key}>
      {typed === null ? (
        <span title={one.sources.length > 0 ? t('report.sources', { sources: one.sources.join(', ') }) : undefined}>
          {waiting && <em className="report-ai">{t('report.unconfirmed')}</em>}
          {one.origin === 'record' && <em className="report-record">{t('report.fromRecord')}</em>}
          {words}
        </span>
      ) : (
        <Input.TextArea rows={2} autoFocus aria-label={t('report.edit')} value={typed} onChange={(event) => setTyped(event.target.value)} onBlur={keep} />
      )}
      {edit !== null && typed === null && (
        <span className="statement-acts">
          {waiting && <Button size="small" type="primary" ghost onClick={() => edit((old) => edits.confirmed(old, [one.key]))}>{t('report.confirm')}</Button>}
          <Button size="small" onClick={() => setTyped(words)}>{t('report.edit')}</Button>
          <Button size="small" onClick={() => edit((old) => edits.removed(old, one.key))}>{t('report.remove')}</Button>
        </span>
      )}
    </li>
  );
}

/** The fields of a phrase, one after the other by Tab; Enter puts it in. */
function Filling({ phrase, onDone }: { phrase: Phrase; onDone: (filled: Record<string, string> | null) => void }) {
  const { t, language } = useTexts();
  const [filled, setFilled] = useState<Record<string, string>>({});
  return (
    <form
      className="report-filling"
      onSubmit={(event) => {
        event.preventDefault();
        onDone(filled);
      }}
      onKeyDown={(event) => event.key === 'Escape' && onDone(null)}
    >
      <span className="muted">{t('report.phrase', { name: language === 'zh' ? phrase.zh : phrase.en })}</span>
      {phrase.fields.map((field, at) => {
        const put = (value: string) => setFilled((old) => ({ ...old, [field.name]: value }));
        const label = language === 'zh' ? field.zh : field.en;
        return field.kind === 'choice' ? (
          <Select key={field.name} aria-label={label} placeholder={label} autoFocus={at === 0} onChange={put} options={field.options.map((one) => ({ value: one.zh, label: language === 'zh' ? one.zh : one.en }))} />
        ) : (
          <Input key={field.name} aria-label={label} placeholder={label} autoFocus={at === 0} inputMode={field.kind === 'number' ? 'decimal' : undefined} onChange={(event) => put(event.target.value)} />
        );
      })}
      <Button htmlType="submit" type="primary">{t('report.insert')}</Button>
    </form>
  );
}

interface Props {
  section: Section;
  content: Content;
  said: Said[];
  /** null while they are on the way: an abbreviation must not become words. */
  phrases: Phrase[] | null;
  edit: Edit | null;
}

export function SectionForm({ section, content, said, phrases, edit }: Props) {
  const { t, language } = useTexts();
  const [typed, setTyped] = useState('');
  const [filling, setFilling] = useState<Phrase | null>(null);
  const here = content.statements.filter((one) => one.section === section);
  const waiting = here.filter((one) => one.origin === 'ai' && !one.confirmed).map((one) => one.key);
  const words = (one: Statement) => {
    const told = said.find((other) => other.key === one.key);
    if (one.way === 'free') return one.text;
    return told === undefined ? '…' : language === 'zh' ? told.zh : told.en;
  };
  function enter(): void {
    const phrase = edits.found(phrases ?? [], typed);
    if (phrase !== undefined && phrase.fields.length > 0) setFilling(phrase);
    else if (phrase !== undefined) edit?.((old) => edits.phrased(old, phrase, {}));
    else if (typed.trim() !== '') edit?.((old) => edits.written(old, section, typed.trim(), language));
    setTyped('');
  }
  return (
    <section className="report-section" data-section={section}>
      <h2>
        {t(`report.section.${section}`)}
        {edit !== null && waiting.length > 1 && (
          <Button size="small" onClick={() => edit((old) => edits.confirmed(old, waiting))}>
            {t('report.confirmAll')} ({waiting.length})
          </Button>
        )}
      </h2>
      <ol>
        {here.map((one) => (
          <Line key={one.key} one={one} words={words(one)} edit={edit} />
        ))}
      </ol>
      {edit !== null && filling === null && (
        <Input
          aria-label={`${t(`report.section.${section}`)}: ${t('report.add')}`}
          placeholder={t('report.addHint')}
          disabled={phrases === null}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            // Enter that confirms an input method's candidate is not ours.
            if (event.key !== 'Enter' || event.nativeEvent.isComposing) return;
            // The form that opens takes the focus: this very key press must not send it off.
            event.preventDefault();
            enter();
          }}
        />
      )}
      {edit !== null && filling !== null && (
        <Filling
          phrase={filling}
          onDone={(filled) => {
            if (filled !== null) edit((old) => edits.phrased(old, filling, filled));
            setFilling(null);
          }}
        />
      )}
    </section>
  );
}
