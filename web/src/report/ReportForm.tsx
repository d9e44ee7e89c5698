/** One form for a report, three ways to fill it: by hand, from measurements, from phrases. */
import { Button } from 'antd';
import { useEffect, useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { StudyQualityLine } from '../quality/QualityLine';
import { Link } from '../ui/Link';
import { instant } from '../ui/format';
import { Failure, Loading } from '../ui/states';
import { Classes } from './Classes';
import { FollowUpPart, PicturesPart } from './Exhibits';
import { Changed, Conflict, Preview, Prompts, SavedMark, Versions } from './Parts';
import { AddendumDialog, SignDialog } from './Signing';
import { SectionForm } from './SectionForm';
import { SECTIONS, type Content, type Phrase, type ReportState, type Shown } from './types';
import { useReport, type Report } from './useReport';
import './report.css';

interface Props {
  study: string;
  /** Beside the pictures: one column, and a button that closes it. */
  onClose?: () => void;
}

function Heading({ study, onClose }: Props) {
  const { t } = useTexts();
  return (
    <>
      {onClose === undefined ? <Link to={`/study/${encodeURIComponent(study)}`}>‹ {t('report.back')}</Link> : <Button size="small" data-testid="report-close" aria-label={t('report.close')} title={t('report.close')} onClick={onClose}>✕</Button>}
      <h1>{t('report.title')}</h1>
    </>
  );
}

/** The card with its state: when it is due is seen without opening it. */
function CardLink({ study, card }: { study: string; card: ReportState['card'] }) {
  const { t } = useTexts();
  const open = card.state === 'due' || card.state === 'prepared';
  return (
    <span data-testid="card-link">
      <Link to={`/study/${encodeURIComponent(study)}/card`}>{t('card.title')}</Link>{' '}
      {card.state !== 'none' && <span className={card.overdue ? 'chip chip-bad' : open ? 'chip chip-warn' : 'chip chip-quiet'}>{card.overdue ? `✕ ${t('card.over')}` : t(`card.state.${card.state}`)}</span>}{' '}
      {open && card.due_at !== null && <span className="muted num">{instant(card.due_at)}</span>}
    </span>
  );
}

function Acts({ report, state, onAsk }: { report: Report; state: ReportState; onAsk: (what: 'sign' | 'addendum') => void }) {
  const { t } = useTexts();
  async function preliminary(): Promise<void> {
    const version = await report.flush();
    if (version !== null) await report.send('preliminary', { version }).catch(() => undefined);
  }
  return (
    <>
      <span className="grow" />
      {state.may.write && <Button onClick={() => void preliminary()}>{t('report.preliminary')}</Button>}
      {state.may.sign && <Button type="primary" data-testid="report-sign" onClick={() => onAsk('sign')}>{t('report.sign')}</Button>}
      {state.may.add && <Button type="primary" data-testid="report-add" onClick={() => onAsk('addendum')}>{t('report.addendum')}</Button>}
    </>
  );
}

function Side({ report, state, content, shown, study }: { report: Report; state: ReportState; content: Content; shown: Shown; study: string }) {
  const { t } = useTexts();
  return (
    <aside className="report-side">
      {state.may.write && (
        <section aria-live="polite">
          <h2>{t('report.prompts')}</h2>
          <Prompts prompts={shown.prompts} content={content} edit={report.edit} />
        </section>
      )}
      <Versions state={state} study={study} />
      <Preview report={report} />
    </aside>
  );
}

/** The phrases that this person may use; null while they are on the way. */
function usePhrases(): Phrase[] | null {
  const { api, may } = useSession();
  const [phrases, setPhrases] = useState<Phrase[] | null>(null);
  const writes = may('report.write');
  useEffect(() => {
    if (writes) api.get<{ rows: Phrase[] }>('/api/report/phrases').then((answer) => setPhrases(answer.rows), () => setPhrases([]));
  }, [api, writes]);
  return phrases;
}

export function ReportForm({ study, onClose }: Props) {
  const { t } = useTexts();
  const { me } = useSession();
  const report = useReport(study);
  const phrases = usePhrases();
  const [asking, setAsking] = useState<'sign' | 'addendum' | null>(null);
  const { state, content, shown } = report;
  if (state === null || content === null || shown === null) {
    return report.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={report.error} onRetry={report.reload} />;
  }
  const edit = state.may.write ? report.edit : null;
  return (
    <div className={onClose === undefined ? 'report-page' : 'report-page report-beside'} data-testid="report-form">
      <header className="report-head">
        <Heading study={study} onClose={onClose} />
        <span className="chip chip-quiet" data-testid="report-state">{t(`report.state.${state.state}`)}</span>
        <Acts report={report} state={state} onAsk={setAsking} />
      </header>
      <StudyQualityLine study={study} />
      <div className="report-links">
        <CardLink study={study} card={state.card} />
        <Link to="/phrases">{t('phrases.title')}</Link>
        <span className="grow right">{state.may.write && <SavedMark saving={report.saving} />}</span>
      </div>
      {state.others.length > 0 && <p className="note-warn">! {t('report.others', { names: state.others.map((one) => one.name).join('、') })}</p>}
      <Conflict report={report} />
      {state.may.write && <Changed report={report} />}
      <div className="report-body">
        <div className="report-form">
          {SECTIONS.map((section) => (
            <SectionForm key={section} section={section} content={content} said={shown.said} phrases={phrases} edit={edit} />
          ))}
          <FollowUpPart content={content} shown={shown} edit={edit} />
          <PicturesPart study={study} state={state} content={content} edit={edit} />
          <Classes content={content} state={state} shown={shown} user={me?.user ?? ''} edit={edit} />
        </div>
        <Side report={report} state={state} content={content} shown={shown} study={study} />
      </div>
      {asking === 'sign' && <SignDialog report={report} onClose={() => setAsking(null)} />}
      {asking === 'addendum' && <AddendumDialog report={report} base={state.base} onClose={() => setAsking(null)} />}
    </div>
  );
}
