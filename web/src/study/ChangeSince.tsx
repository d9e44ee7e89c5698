/** A lesion's change since the prior CT: a word and a percentage; colour never alone. */
import { useTexts } from '../i18n';
import { date } from '../ui/format';
import { shareOf, type Change } from './changes';
import { percent } from './joined';

const GLYPH = { growth: '▲', regression: '▼', new: '＋', resolved: '–', within_repeatability: '≈', undetermined: '?' } as const;

/** In a narrow column: glyph and percentage, the word for those who do not see them. */
export function ChangeBrief({ change }: { change: Change | undefined }) {
  const { t, said } = useTexts();
  if (change === undefined) return <>—</>;
  const words = said({ message_zh: change.verdict_zh, message_en: change.verdict_en });
  const shown = change.share !== null ? percent(change.share) : change.verdict === 'new' ? t('joined.verdict.new') : '';
  return (
    <span className={`change-${change.verdict}`} title={`${t('lesion.since', { date: date(change.since) })} · ${words}`} role="img" aria-label={`${t(`joined.verdict.${change.verdict}`)} ${change.share === null ? '' : shown}`}>
      {GLYPH[change.verdict]}
      <br />
      {shown}
    </span>
  );
}

/** `redrawnMl` is the volume of an outline that a person drew: the comparison has not judged it, only its percentage is known. */
export function ChangeSince({ change, redrawnMl = null }: { change: Change | undefined; redrawnMl?: number | null }) {
  const { t, said } = useTexts();
  if (change === undefined) return <>—</>;
  const since = t('lesion.since', { date: date(change.since) });
  if (redrawnMl !== null) return <span title={`${since} · ${t('lesion.notJudged')}`}>{percent(shareOf(change, redrawnMl))}</span>;
  return (
    <span className={`change-${change.verdict}`} title={`${since} · ${said({ message_zh: change.verdict_zh, message_en: change.verdict_en })}`}>
      <i aria-hidden="true">{GLYPH[change.verdict]}</i> {t(`joined.verdict.${change.verdict}`)}
      {change.share !== null && <small>{percent(change.share)}</small>}
    </span>
  );
}
