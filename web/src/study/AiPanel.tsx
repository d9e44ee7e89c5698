/** The AI's answer. Five different answers look different; none of them says more than "suspected". */
import { Button } from 'antd';
import { useState, type ReactNode } from 'react';
import type { AiState, Analysis, Study } from '../api/types';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { fixed, instant } from '../ui/format';
import { answerOf, methodOf } from './answer';
import { CaseSummary } from './CaseSummary';
import type { Changes } from './changes';
import { LesionTable } from './LesionTable';
import { QcReasons } from './QcPanel';
import { OverrideDialog } from './OverrideDialog';

const GLYPH: Record<AiState, string> = { waiting: '○', running: '◐', ok: '●', failed: '✕', refused: '⊘', not_applicable: '–' };

function Verdict({ study, reviewed }: { study: Study; reviewed: boolean }) {
  const { t, said } = useTexts();
  const { ai } = study.row;
  const analysis = study.analysis;
  const { title, facts, attention } = answerOf(ai, analysis);
  return (
    <div className={`verdict verdict-${ai}${attention ? ' attention' : ''}`} data-testid="verdict">
      <span aria-hidden="true" className="verdict-glyph">
        {attention ? '▲' : GLYPH[ai]}
      </span>
      <div>
        <b>{t(title, facts)}</b>
        <p>{ai !== 'ok' && analysis?.reason != null ? `${said(analysis.reason)} (${analysis.reason.code})` : t(ai === 'ok' && reviewed ? 'verdict.reviewed' : `verdict.${ai}.means`)}</p>
      </div>
    </div>
  );
}

/** Score on a 0…1 line with the threshold; the numbers stand beside it in words. */
function ScoreLine({ tb }: { tb: NonNullable<Analysis['tb']> }) {
  const { t } = useTexts();
  return (
    <div className="score">
      <svg viewBox="0 0 200 30" preserveAspectRatio="none" role="img" aria-label={t('note.tb', { score: tb.score.toFixed(2), threshold: tb.threshold.toFixed(2) })}>
        <rect x="0" y="12" width="200" height="8" rx="2" className="score-track" />
        <rect x="0" y="12" width={tb.score * 200} height="8" rx="2" className={tb.positive ? 'score-high' : 'score-low'} />
        <path d={`M${tb.threshold * 200} 6v20`} className="score-limit" />
      </svg>
      <dl className="facts">
        <dt>{t('tb.score')}</dt>
        <dd className="num">{tb.score.toFixed(3)}</dd>
        <dt>{t('tb.threshold')}</dt>
        <dd className="num">{tb.threshold.toFixed(3)}</dd>
      </dl>
    </div>
  );
}

function MethodFacts({ analysis }: { analysis: Analysis }) {
  const { t, said } = useTexts();
  const method = methodOf(analysis);
  const seconds = Object.values(analysis.seconds).reduce((sum, value) => sum + value, 0);
  return (
    <section>
      <h2>{t('method.title')}</h2>
      <dl className="facts">
        <dt>{t('method.model')}</dt>
        <dd>{method.model}</dd>
        <dt>{t('method.version')}</dt>
        <dd>{method.version}</dd>
        <dt>{t('tb.threshold')}</dt>
        <dd className="num">{fixed(method.threshold, 3)}</dd>
        <dt>{t('method.calibration')}</dt>
        <dd>{method.calibrationSet}</dd>
        <dt>{t('method.seconds')}</dt>
        <dd className="num">{seconds.toFixed(1)} s</dd>
        {analysis.series !== null && (
          <>
            <dt>{t('method.series')}</dt>
            <dd>{said({ message_zh: analysis.series.reason_zh, message_en: analysis.series.reason_en })}</dd>
          </>
        )}
      </dl>
      {method.researchOnly && (
        <p className="research-note">
          ⚠ {t('app.researchOnlyLong')}
        </p>
      )}
    </section>
  );
}

function Overridden({ study }: { study: Study }) {
  const { t } = useTexts();
  const override = study.results.find((result) => !result.superseded)?.override ?? null;
  if (override === null) return null;
  return (
    <p className="note-warn">
      ✎ {t('override.done', { by: override.by, at: instant(override.at) })}
      <br />
      {t('override.reason')}: {override.reason}
    </p>
  );
}

function Versions({ study }: { study: Study }) {
  const { t } = useTexts();
  if (study.results.length === 0) return null;
  return (
    <section>
      <h2>{t('versions.title')}</h2>
      <ul className="versions">
        {study.results.map((result) => (
          <li key={result.version} className={result.superseded ? 'superseded' : ''}>
            <b>{t('versions.version', { n: result.version })}</b>
            <span className="num">{instant(result.at)}</span>
            <span>{t(`ai.${result.status}`)}</span>
            {result.superseded ? <span className="chip chip-warn"><i aria-hidden="true">↻</i>{t('versions.superseded')}</span> : <span className="chip chip-good"><i aria-hidden="true">●</i>{t('versions.current')}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface Props {
  study: Study;
  selected: number | null;
  onSelect: (lesion: number) => void;
  onChanged: () => void;
  /** Since the prior CT. */
  changes: Changes;
  /** What is known of the case beside the images. */
  facts?: ReactNode;
  /** A physician's review stands above. */
  reviewed: boolean;
  reviewing: boolean;
}

/** The lesions of a CT and what they amount to; nothing where none was found. */
function CtFound({ analysis, selected, onSelect, changes, still }: { still: boolean; analysis: Analysis; selected: number | null; onSelect: (lesion: number) => void; changes: Changes }) {
  if (analysis.lesions === null || analysis.lesions.length === 0) return null;
  return (
    <>
      <LesionTable lesions={analysis.lesions} selected={selected} onSelect={onSelect} changes={changes} still={still} />
      {analysis.case != null && <CaseSummary found={analysis.case} />}
    </>
  );
}

export function AiPanel({ study, selected, onSelect, onChanged, changes, facts, reviewed, reviewing }: Props) {
  const { t } = useTexts();
  const { may } = useSession();
  const [asking, setAsking] = useState(false);
  const { analysis, row } = study;
  return (
    <>
      <Verdict study={study} reviewed={reviewed} />
      {row.ai === 'refused' && may('study.override') && (
        <Button type="primary" onClick={() => setAsking(true)} data-testid="override">
          {t('override.button')}
        </Button>
      )}
      {row.ai === 'ok' && row.qc === 'warn' && <p className="note-warn">! {t('verdict.qcWarned')}</p>}
      {row.ai === 'refused' && analysis?.qc != null && <QcReasons reasons={analysis.qc.reasons} advised={study.quality.reasons} />}
      <Overridden study={study} />
      {row.ai === 'ok' && analysis?.tb != null && <ScoreLine tb={analysis.tb} />}
      {row.ai === 'ok' && analysis !== null && <CtFound analysis={analysis} selected={selected} onSelect={onSelect} changes={changes} still={reviewing} />}
      {facts}
      {analysis !== null && <MethodFacts analysis={analysis} />}
      <Versions study={study} />
      {asking && <OverrideDialog study={row.study} onClose={() => setAsking(false)} onDone={onChanged} />}
    </>
  );
}
