/** The notifiable-disease card: prefilled, what is missing, when it is due, who reported it. The box reports nothing itself. */
import { Alert, Button, Input, Select } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { instant } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { dueIn } from './due';
import type { Card, CardField } from './types';
import './report.css';

function Value({ field, value, onChange }: { field: CardField; value: string; onChange: ((value: string) => void) | null }) {
  const { language } = useTexts();
  const label = language === 'zh' ? field.zh : field.en;
  if (onChange === null) return <span>{value === '' ? '—' : value}</span>;
  if (field.choices.length > 0) return <Select aria-label={label} allowClear placeholder="—" value={value === '' ? undefined : value} onChange={(next: string | undefined) => onChange(next ?? '')} options={field.choices.map((one) => ({ value: one, label: one }))} />;
  return <Input aria-label={label} value={value} onChange={(event) => onChange(event.target.value)} />;
}

function Fields({ card, typed, onTyped }: { card: Card; typed: Record<string, string>; onTyped: ((name: string, value: string) => void) | null }) {
  const { t, language } = useTexts();
  return (
    <dl className="card-fields">
      {card.fields.map((field) => {
        const value = typed[field.name] ?? field.value;
        const source = typed[field.name] !== undefined || field.source === 'person' ? 'person' : field.source === '' ? 'none' : 'record';
        const missing = field.mandatory && value.trim() === '';
        return (
          <div key={field.name} className={missing ? 'missing' : undefined} data-field={field.name}>
            <dt>
              {language === 'zh' ? field.zh : field.en}
              {field.mandatory && <b aria-hidden="true"> *</b>}
            </dt>
            <dd>
              <Value field={field} value={value} onChange={onTyped === null ? null : (next) => onTyped(field.name, next)} />
              <small className="muted">{missing ? t('card.empty') : t(`card.from.${source}`)}</small>
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function Due({ card }: { card: Card }) {
  const { t } = useTexts();
  const [now] = useState(() => Date.now());
  if (card.due_at === null) return <p className="muted">{t(card.state === 'suggested' ? 'card.suggestedWhy' : 'card.noClock')}</p>;
  const left = dueIn(card.due_at, now);
  const open = card.state === 'due' || card.state === 'prepared';
  return (
    <p className={card.overdue ? 'note-bad' : 'note-warn'} role={card.overdue ? 'alert' : undefined} data-testid="card-due">
      {t('card.due', { at: instant(card.due_at) })} {open && (card.overdue ? <b>✕ {t('card.overdue', { hours: left.hours })}</b> : t('card.left', { hours: left.hours, minutes: left.minutes }))}
    </p>
  );
}

export default function CardPage({ study }: { study: string }) {
  const { t } = useTexts();
  const { api, may } = useSession();
  const failureText = useFailureText();
  const of = encodeURIComponent(study);
  const path = `/api/studies/${of}/report/card`;
  const read = useRead<Card>(path);
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string | null>(null);
  const card = read.data;
  if (card === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  async function record(state: 'prepared' | 'reported' | 'not_needed'): Promise<void> {
    if (card === null) return;
    const own = Object.fromEntries(card.fields.filter((one) => one.source === 'person').map((one) => [one.name, one.value]));
    try {
      await api.send('PUT', path, { state, fields: { ...own, ...typed } });
      setTyped({});
      setFailure(null);
      read.reload();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  const writes = may('report.write');
  const missing = card.fields.filter((one) => one.mandatory && (typed[one.name] ?? one.value).trim() === '').length;
  return (
    <div className="page report-alone card-page">
      <header className="report-head">
        <Link to={`/study/${of}/report`}>‹ {t('card.back')}</Link>
        <h1>{t('card.title')}</h1>
        <span className="chip chip-quiet" data-testid="card-state">{t(`card.state.${card.state}`)}</span>
        <span className="grow">{card.by !== '' && `${card.by} ${instant(card.at)}`}</span>
        <a href={`${path}/pdf`} target="_blank" rel="noreferrer">{t('card.print')}</a>
      </header>
      <Due card={card} />
      <p className="muted">{t('card.rule')}</p>
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <Fields card={card} typed={typed} onTyped={writes ? (name, value) => setTyped((old) => ({ ...old, [name]: value })) : null} />
      {writes && (
        <div className="card-acts">
          <span className="muted">{missing === 0 ? t('card.complete') : t('card.missing', { n: missing })}</span>
          <Button onClick={() => void record('prepared')}>{t('card.prepare')}</Button>
          <Button type="primary" disabled={missing > 0} onClick={() => void record('reported')}>{t('card.reported')}</Button>
          <Button onClick={() => void record('not_needed')}>{t('card.notNeeded')}</Button>
        </div>
      )}
    </div>
  );
}
