import { memo, useState } from 'react';
import type { Row, Thumbnail as Shown } from '../api/types';
import { useTexts, type Texts } from '../i18n';

/** What the picture shows, for those who do not see it, or why there is none. */
function said(shown: Shown | null, t: Texts['t']): string {
  if (shown === null) return t('thumb.pending');
  const { kind, number, count, lesion, code } = shown.about;
  if (kind === 'ct_lesion') return t('thumb.ct_lesion', { lesion: lesion ?? 0, number: number ?? 0, count: count ?? 0 });
  if (kind === 'ct_middle') return t('thumb.ct_middle', { number: number ?? 0, count: count ?? 0 });
  if (kind === 'unreadable') return t('thumb.unreadable', { code: code ?? '' });
  return t(`thumb.${kind}`);
}

/** The study's key picture; it never holds up the list, and where there is none the reason stands. */
export const Thumbnail = memo(function Thumbnail({ row }: { row: Row }) {
  const { t } = useTexts();
  const [failed, setFailed] = useState('');
  const shown = row.thumbnail;
  const version = shown?.version ?? '';
  const text = said(shown, t);
  if (version !== '' && version !== failed) {
    return <img className="thumb" src={`/api/studies/${encodeURIComponent(row.study)}/thumbnail?v=${version}`} alt={text} title={text} loading="lazy" decoding="async" width="50" height="50" onError={() => setFailed(version)} />;
  }
  const why = version === '' ? text : t('thumb.lost');
  return (
    <span className="thumb thumb-none" role="img" aria-label={why} title={why}>
      {shown === null ? '…' : '–'}
    </span>
  );
});
