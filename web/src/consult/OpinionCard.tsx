/** A signed opinion as both sides show it: words, who, when, and the hash by which both name it. */
import { useTexts } from '../i18n';
import { PlainChip } from '../ui/chips';
import { instant } from '../ui/format';
import { Title, useDepartment } from './Marks';
import { NO_FINDINGS, type Opinion, type OpinionFindings } from './types';

export type Signature = 'good' | 'bad' | 'session';

export interface OpinionView {
  event: string;
  kind: 'opinion' | 'addendum' | 'summary' | 'offered';
  person: string;
  name: string;
  title: string;
  discipline: string;
  at: string;
  digest: string;
  signature: Signature;
  /** When the county's box has taken it in; null while not. Undefined on the county's own page. */
  deliveredAt?: string | null;
  to: string;
  /** null while it is being opened or cannot be. */
  opinion: Opinion | null;
  broken: string | null;
}

const known = <T extends string>(value: unknown, words: readonly T[]): T | '' => (words.includes(value as T) ? (value as T) : '');

/** Structured findings from opened JSON: what is not one of our words is shown as text elsewhere, never believed. */
export function findingsOf(value: unknown): OpinionFindings {
  const source = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const steps = Array.isArray(source['next_steps']) ? source['next_steps'] : [];
  return {
    tb: known(source['tb'], ['active', 'suspected', 'inactive', 'unlikely', 'cannot_tell']),
    image_quality: known(source['image_quality'], ['good', 'limited', 'inadequate']),
    ai_agreement: known(source['ai_agreement'], ['agree', 'partly', 'disagree']),
    next_steps: steps.filter((step): step is string => typeof step === 'string'),
  };
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');

/** An opinion from opened JSON; missing parts are empty. */
export function opinionOf(json: string): Opinion {
  const value = JSON.parse(json) as Record<string, unknown>;
  return {
    impression: text(value['impression']),
    advice: text(value['advice']),
    text: text(value['text']),
    discipline: text(value['discipline']),
    dissent: value['dissent'] === true,
    basis: Array.isArray(value['basis']) ? value['basis'].filter((one): one is string => typeof one === 'string') : [],
    case: text(value['case']),
    findings: 'findings' in value ? findingsOf(value['findings']) : NO_FINDINGS,
  };
}

export function Findings({ findings }: { findings: OpinionFindings }) {
  const { t } = useTexts();
  const steps = findings.next_steps.filter((step) => ['sputum', 'bronchoscopy', 'enhanced_ct', 'biopsy', 'treatment', 'surgery', 'follow_up', 'isolate'].includes(step));
  if (findings.tb === '' && findings.image_quality === '' && findings.ai_agreement === '' && steps.length === 0) return null;
  return (
    <dl className="facts">
      {findings.tb !== '' && (
        <>
          <dt>{t('opinion.tb')}</dt>
          <dd>{t(`opinion.tb.${findings.tb}`)}</dd>
        </>
      )}
      {findings.image_quality !== '' && (
        <>
          <dt>{t('opinion.quality')}</dt>
          <dd>{t(`opinion.quality.${findings.image_quality}`)}</dd>
        </>
      )}
      {findings.ai_agreement !== '' && (
        <>
          <dt>{t('opinion.ai')}</dt>
          <dd>{t(`opinion.ai.${findings.ai_agreement}`)}</dd>
        </>
      )}
      {steps.length > 0 && (
        <>
          <dt>{t('opinion.next')}</dt>
          <dd>{steps.map((step) => t(`opinion.next.${step as 'sputum'}`)).join(' · ')}</dd>
        </>
      )}
    </dl>
  );
}

function Receipt({ deliveredAt }: { deliveredAt: string | null }) {
  const { t } = useTexts();
  return deliveredAt === null ? (
    <p className="receipt receipt-waiting" role="status">
      <i aria-hidden="true">↑</i> {t('opinion.onItsWay')}
    </p>
  ) : (
    <p className="receipt receipt-there" role="status" data-testid="delivered">
      <i aria-hidden="true">✓</i> {t('opinion.delivered', { at: instant(deliveredAt) })}
    </p>
  );
}

function SignatureMark({ signature }: { signature: Signature }) {
  const { t } = useTexts();
  if (signature === 'good') return <PlainChip tone="good" glyph="✓" label={t('signature.good')} />;
  if (signature === 'session') return <PlainChip tone="quiet" glyph="◌" label={t('signature.session')} title={t('signature.session.long')} />;
  return <PlainChip tone="bad" glyph="✕" label={t('signature.bad')} title={t('signature.bad.long')} />;
}

function Words({ opinion }: { opinion: Opinion }) {
  const { t } = useTexts();
  return (
    <>
      {opinion.impression !== '' && <p className="said">{opinion.impression}</p>}
      <Findings findings={opinion.findings} />
      {opinion.advice !== '' && (
        <p className="said">
          <b>{t('opinion.advice')}</b> {opinion.advice}
        </p>
      )}
      {opinion.text !== '' && <p className="said">{opinion.text}</p>}
    </>
  );
}

export function OpinionCard({ view, others = [] }: { view: OpinionView; others?: readonly OpinionView[] }) {
  const { t } = useTexts();
  const department = useDepartment();
  const addenda = others.filter((one) => one.kind === 'addendum' && one.to === view.event);
  return (
    <article className={`opinion opinion-${view.kind}${view.opinion?.dissent === true ? ' dissent' : ''}`} data-testid="opinion">
      <header>
        <b>{view.name}</b>
        <Title title={view.title} />
        {view.kind === 'summary' && <PlainChip tone="good" glyph="Σ" label={t('opinion.summary')} />}
        {view.discipline !== '' && <span className="muted">{department(view.discipline)}</span>}
        {view.opinion?.dissent === true && <PlainChip tone="warn" glyph="≠" label={t('opinion.dissent')} />}
        <span className="num muted">{instant(view.at)}</span>
      </header>
      {view.broken !== null && <p className="note-warn">✕ {view.broken}</p>}
      {view.broken === null && view.opinion === null && <p className="muted">{t('opinion.opening')}</p>}
      {view.opinion !== null && <Words opinion={view.opinion} />}
      {addenda.map((one) => (
        <div key={one.event} className="addendum" data-testid="addendum">
          <p className="muted">
            ＋ {t('opinion.addendum')} · {one.name} · <span className="num">{instant(one.at)}</span>
          </p>
          {one.opinion !== null && <Words opinion={one.opinion} />}
          {one.deliveredAt !== undefined && <Receipt deliveredAt={one.deliveredAt} />}
        </div>
      ))}
      <footer>
        <SignatureMark signature={view.signature} />
        <code className="hash" title={t('opinion.hash')} data-testid="opinion-hash">
          {view.digest}
        </code>
      </footer>
      {view.deliveredAt !== undefined && <Receipt deliveredAt={view.deliveredAt} />}
    </article>
  );
}
