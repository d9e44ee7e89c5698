import type { ImageQc, PublicMessage, Qc, QcReason, Study } from '../api/types';
import { useTexts } from '../i18n';
import { RepeatBox } from '../quality/RepeatBox';
import type { Advised } from '../quality/types';
import { fixed } from '../ui/format';

const GLYPH = { info: 'ℹ', warn: '!', reject: '✕' };

function Reason({ reason, advised }: { reason: QcReason; advised: Advised | undefined }) {
  const { t, said, language } = useTexts();
  return (
    <li className={`reason reason-${reason.severity}`}>
      <span aria-hidden="true" className="reason-glyph">
        {GLYPH[reason.severity]}
      </span>
      <div>
        <p>
          <b>{t(`severity.${reason.severity}`)}</b> {said(reason)}
        </p>
        {advised !== undefined && (
          <p className="reason-advice">
            {t('quality.do')}: {language === 'zh' ? advised.advice_zh : advised.advice_en}
          </p>
        )}
        <p className="muted">
          {reason.metric != null && (
            <span className="num">
              {reason.metric} = {fixed(reason.value, 2)} · {t('qc.limit')} {fixed(reason.limit, 2)} ·{' '}
            </span>
          )}
          {reason.code}
        </p>
      </div>
    </li>
  );
}

export function QcReasons({ reasons, advised = [] }: { reasons: readonly QcReason[]; advised?: readonly Advised[] }) {
  if (reasons.length === 0) return null;
  return (
    <ul className="reasons">
      {reasons.map((reason, index) => (
        <Reason key={index} reason={reason} advised={advised.find((one) => one.code === reason.code)} />
      ))}
    </ul>
  );
}

const RANK = { pass: 0, warn: 1, reject: 2 };

export function worstOf(images: readonly ImageQc[]): Qc | null {
  return images.reduce<Qc | null>(
    (worst, { qc }) => (qc !== null && (worst === null || RANK[qc.verdict] > RANK[worst.verdict]) ? qc : worst),
    null,
  );
}

/** Images that could not be read: no quality verdict, and never shown as one. */
function Unreadable({ errors }: { errors: readonly PublicMessage[] }) {
  const { t, said } = useTexts();
  return (
    <div className="verdict verdict-failed" role="alert">
      <span aria-hidden="true" className="verdict-glyph">
        ✕
      </span>
      <div>
        <b>{t('qc.failed.long')}</b>
        {errors.map((error, index) => (
          <p key={index}>
            {said(error)} ({error.code})
          </p>
        ))}
      </div>
    </div>
  );
}

/** The verdict with its reasons, and what the modality room was asked for. */
export function QcPanel({ study, onChanged }: { study: Study; onChanged: () => void }) {
  return (
    <>
      <Verdict study={study} />
      <RepeatBox study={study.row.study} quality={study.quality} onChanged={onChanged} />
    </>
  );
}

function Verdict({ study }: { study: Study }) {
  const { t } = useTexts();
  // Until the study's own verdict is there, the worst of its images' verdicts, judged at arrival.
  const qc = study.analysis?.qc ?? worstOf(study.image_qc);
  const errors = study.image_qc.flatMap(({ error }) => (error === null ? [] : [error]));
  if (qc === null && errors.length > 0) return <Unreadable errors={errors} />;
  if (qc === null) return <p className="muted">{t(study.row.qc === 'none' ? 'qc.notJudged' : 'qc.notYet')}</p>;
  return (
    <>
      {errors.length > 0 && <Unreadable errors={errors} />}
      <div className={`verdict verdict-qc-${qc.verdict}`}>
        <span aria-hidden="true" className="verdict-glyph">
          {qc.verdict === 'pass' ? '✓' : qc.verdict === 'warn' ? '!' : '✕'}
        </span>
        <div>
          <b>{t(`qc.${qc.verdict}.long`)}</b>
          <p>{t(`qc.${qc.verdict}.means`)}</p>
        </div>
      </div>
      <QcReasons reasons={qc.reasons} advised={study.quality.reasons} />
      {qc.metrics !== undefined && Object.keys(qc.metrics).length > 0 && (
        <details>
          <summary>{t('qc.metrics')}</summary>
          <dl className="facts">
            {Object.entries(qc.metrics).map(([metric, value]) => (
              <div key={metric} className="fact">
                <dt>{metric}</dt>
                <dd className="num">{fixed(value, 2)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}
