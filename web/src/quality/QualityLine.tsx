/** The line that follows a study: verdict, reason, what to do, and what the modality room was asked. */
import { useTexts } from '../i18n';
import { instant } from '../ui/format';
import { useRead } from '../ui/useRead';
import { inShort, lineOf, standing } from './quality';
import type { Quality, RepeatRequest } from './types';
import './quality.css';

const GLYPH = { warn: '!', reject: '✕', failed: '✕' } as const;

/** What became of a request, in words: asked, seen by, answered, not done and why. */
export function RequestState({ request }: { request: RepeatRequest }) {
  const { t, language } = useTexts();
  const by = request.origin === 'automatic' ? t('room.byItself') : t('room.byPhysician', { name: request.name });
  const asked = `${t(`room.ask.${request.ask}`)} · ${by} ${instant(request.at)}`;
  const seen = request.seen_at === '' ? (request.state === 'requested' ? t('repeat.notSeen') : '') : t('room.seenBy', { name: request.seen_name, at: instant(request.seen_at) });
  const why = language === 'zh' ? request.reason_zh : request.reason_en;
  const closed = request.closed_at === '' ? '' : [t(`repeat.state.${request.state}`), why, request.closing_note, request.closed_name, instant(request.closed_at)].filter((one) => one !== '').join(' ');
  return <span data-testid="request-state" data-state={request.state}>{[asked, request.note === '' ? '' : `“${request.note}”`, seen, closed].filter((one) => one !== '').join(' · ')}</span>;
}

/** Nothing where quality passed and nobody asked for anything: silence is the rule. */
export function QualityLine({ quality }: { quality: Quality }) {
  const { t, language } = useTexts();
  const shown = lineOf(quality);
  const request = standing(quality.requests);
  if (shown === null && request === null) return null;
  const bad = shown?.verdict === 'reject' || shown?.verdict === 'failed';
  return (
    <div className={`quality-line ${bad ? 'quality-bad' : 'quality-warn'}`} role="status" data-testid="quality-line">
      {shown !== null && (
        <span>
          <b>
            <span aria-hidden="true">{GLYPH[shown.verdict]}</span> {t('panel.qc')}: {t(`qc.${shown.verdict}`)}
          </b>{' '}
          {shown.first !== undefined && (
            <>
              {language === 'zh' ? shown.first.message_zh : shown.first.message_en} <span className="quality-do">→ {language === 'zh' ? shown.first.advice_zh : shown.first.advice_en}</span>
            </>
          )}
          {shown.more > 0 && <span className="muted"> {t('quality.more', { n: shown.more })}</span>}
        </span>
      )}
      {request !== null && (
        <span className="quality-request">
          <span aria-hidden="true">↺</span> <RequestState request={request} />
        </span>
      )}
    </div>
  );
}

/** As the line, for a page that does not hold the study. */
export function StudyQualityLine({ study }: { study: string }) {
  const quality = useRead<Quality>(`/api/studies/${encodeURIComponent(study)}/quality`, 15_000).data;
  return quality === null ? null : <QualityLine quality={quality} />;
}

/** One line in the picture's corner: the warning goes where the eyes are. "" where quality passed. */
export function useQualityNote(quality: Quality): string {
  const { t, language } = useTexts();
  const shown = lineOf(quality);
  if (shown === null) return '';
  const first = shown.first === undefined ? '' : inShort(language === 'zh' ? shown.first.message_zh : shown.first.message_en);
  return `${GLYPH[shown.verdict]} ${t('panel.qc')}: ${t(`qc.${shown.verdict}`)} · ${first}${shown.more > 0 ? ` +${shown.more}` : ''}`;
}
