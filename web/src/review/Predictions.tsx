/** The AI's case-level statements, each with confidence and basis, and a way to disagree. */
import { Button } from 'antd';
import { useState } from 'react';
import { useTexts } from '../i18n';
import { fixed } from '../ui/format';
import type { Prediction } from './types';
import { answered } from './work';
import type { ReviewState } from './useReview';

export const WHY = ['other_disease', 'old_disease', 'not_enough', 'missed_findings', 'false_findings', 'clinical', 'other'] as const;
const CODES = ['suspected_tb', 'activity', 'pattern', 'severity', 'sputum'] as const;
const VALUES = ['suspected', 'not_suspected', 'signs', 'healed_only', 'none', 'disseminated', 'pleural', 'nodal', 'post_primary', 'nonspecific', 'minimal', 'moderately_advanced', 'far_advanced', 'advised', 'not_advised'] as const;
export const isOne = <T extends string>(all: readonly T[], text: string): text is T => (all as readonly string[]).includes(text);

function Sureness({ one }: { one: Prediction }) {
  const { t } = useTexts();
  const lesions = [...new Set(one.basis.flatMap((sign) => sign.lesions))];
  const number = one.number === null ? '' : one.code === 'severity' ? ` ${fixed(one.number, 1)} %` : ` ${fixed(one.number, 2)}`;
  return (
    <span className="muted">
      {' '}
      · {t(`review.confidence.${one.confidence}`)}
      {number}
      {one.interval !== null && ` (${fixed(one.interval[0], 2)}–${fixed(one.interval[1], 2)})`}
      {lesions.length > 0 && ` · ${t('review.basis')} ${lesions.map((n) => `#${n}`).join(' ')}`}
      {one.method?.model !== undefined && ` · ${one.method.model} ${one.method.version ?? ''}`}
    </span>
  );
}

function Statement({ review, one }: { review: ReviewState; one: Prediction }) {
  const { t } = useTexts();
  const [asking, setAsking] = useState(false);
  const answer = review.work?.answers[one.code];
  return (
    <li data-prediction={one.code} data-answer={answer?.decision ?? 'open'}>
      <b>{isOne(CODES, one.code) ? t(`review.statement.${one.code}`) : one.code}</b>: {isOne(VALUES, one.value) ? t(`review.value.${one.value}`) : one.value}
      <Sureness one={one} />
      {review.editing && (
        <span className="review-acts">
          <Button size="small" type={answer?.decision === 'agree' ? 'primary' : 'default'} onClick={() => review.change((work) => answered(work, one.code, { decision: 'agree', reason: '', note: '' }))}>
            {t('review.agree')}
          </Button>
          <Button size="small" type={answer?.decision === 'disagree' ? 'primary' : 'default'} onClick={() => setAsking(true)}>
            {t('review.disagree')}
          </Button>
        </span>
      )}
      {answer?.decision === 'disagree' && isOne(WHY, answer.reason) && <p className="muted">{t(`review.against.${answer.reason}`)}</p>}
      {asking && review.editing && (
        <div className="review-reasons" role="group" aria-label={t('review.why')}>
          {WHY.map((reason) => (
            <Button
              key={reason}
              size="small"
              onClick={() => {
                review.change((work) => answered(work, one.code, { decision: 'disagree', reason, note: '' }));
                setAsking(false);
              }}
            >
              {t(`review.against.${reason}`)}
            </Button>
          ))}
        </div>
      )}
    </li>
  );
}

export function Predictions({ review }: { review: ReviewState }) {
  const { t } = useTexts();
  const statements = review.read?.predictions ?? [];
  if (statements.length === 0 || review.work === null) return null;
  return (
    <>
      <h2>{t('review.statements')}</h2>
      <ul className="review-list">
        {statements.map((one) => (
          <Statement key={one.code} review={review} one={one} />
        ))}
      </ul>
    </>
  );
}
