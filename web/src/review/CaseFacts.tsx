/** What is known of the case beside the images: each with its source; nothing here is ever inferred. */
import { Button } from 'antd';
import { useId, useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { date, instant } from '../ui/format';
import { entriesOf, FACT_CODES, FACT_VALUES, formOf, isValue, type Entry, type FactCode, type Form } from './facts';
import { Refusal } from './Refusal';
import type { Fact } from './types';
import './review.css';

const SOURCES = ['person'] as const;

function Recorded({ code, fact }: { code: FactCode; fact: Fact | undefined }) {
  const { t } = useTexts();
  if (fact === undefined) return <dd className="muted">{t('facts.notRecorded')}</dd>;
  const source = (SOURCES as readonly string[]).includes(fact.source) ? t('facts.source.person') : fact.source;
  return (
    <dd>
      {isValue(code, fact.value) ? t(`facts.value.${fact.value}`) : fact.value}
      {fact.on_date !== '' && <span className="num"> {date(fact.on_date)}</span>}
      {fact.note !== '' && ` · ${fact.note}`}
      <small className="muted">
        {source} {fact.name} · {instant(fact.at)}
      </small>
    </dd>
  );
}

function Field({ code, entry, onChange }: { code: FactCode; entry: Entry; onChange: (change: Partial<Entry>) => void }) {
  const { t } = useTexts();
  const id = useId();
  const values = FACT_VALUES[code];
  return (
    <div className="fact-field" data-fact={code}>
      <label htmlFor={id}>{t(`facts.${code}`)}</label>
      {values.length === 0 ? (
        <input id={id} value={entry.value} maxLength={200} placeholder={t('facts.onsetHint')} onChange={(event) => onChange({ value: event.target.value })} />
      ) : (
        <select id={id} value={entry.value} onChange={(event) => onChange({ value: event.target.value })}>
          <option value="">{t('facts.notRecorded')}</option>
          {values.map((value) => (
            <option key={value} value={value}>
              {t(`facts.value.${value}`)}
            </option>
          ))}
        </select>
      )}
      <input type="date" aria-label={t('facts.date', { what: t(`facts.${code}`) })} value={entry.date} onChange={(event) => onChange({ date: event.target.value })} />
      <input className="fact-note" aria-label={t('facts.note', { what: t(`facts.${code}`) })} placeholder={t('facts.noteHint')} value={entry.note} maxLength={200} onChange={(event) => onChange({ note: event.target.value })} />
    </div>
  );
}

interface Props {
  base: string;
  /** null while they are being read. */
  facts: readonly Fact[] | null;
  onSaved: () => void;
}

export function CaseFacts({ base, facts, onSaved }: Props) {
  const { t } = useTexts();
  const { api, may } = useSession();
  const [form, setForm] = useState<Form | null>(null);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<unknown>(null);
  if (facts === null) return null;
  const entries = form === null ? [] : entriesOf(form, facts);
  const save = async () => {
    setBusy(true);
    setTrouble(null);
    try {
      await api.send('POST', `${base}/facts`, { facts: entries });
      setForm(null);
      onSaved();
    } catch (why) {
      // What was typed stays in the form.
      setTrouble(why);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section data-testid="case-facts">
      <h2>
        {t('facts.title')}{' '}
        {form === null && may('study.override') && (
          <Button size="small" onClick={() => setForm(formOf(facts))} data-testid="edit-facts">
            {t('facts.edit')}
          </Button>
        )}
      </h2>
      {form === null ? (
        <dl className="facts case-facts">
          {FACT_CODES.map((code) => (
            <div key={code} className="fact" data-fact={code}>
              <dt>{t(`facts.${code}`)}</dt>
              <Recorded code={code} fact={facts.find((fact) => fact.code === code)} />
            </div>
          ))}
        </dl>
      ) : (
        <form
          className="facts-form"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          {FACT_CODES.map((code) => (
            <Field key={code} code={code} entry={form[code]} onChange={(change) => setForm({ ...form, [code]: { ...form[code], ...change } })} />
          ))}
          {trouble !== null && (
            <p className="note-warn" role="alert">
              ✕ <Refusal why={trouble} />
            </p>
          )}
          <div className="review-submit">
            <Button size="small" type="primary" htmlType="submit" disabled={entries.length === 0 || busy} data-testid="save-facts">
              {t('facts.save', { n: entries.length })}
            </Button>
            <Button size="small" onClick={() => setForm(null)}>
              {t('action.cancel')}
            </Button>
          </div>
        </form>
      )}
      <p className="muted">{t('facts.never')}</p>
    </section>
  );
}
