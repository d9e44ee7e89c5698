import { memo } from 'react';
import type { ManifestSeries, SeriesSummary } from '../api/types';
import { useTexts } from '../i18n';

interface Props {
  series: readonly SeriesSummary[];
  pictured: readonly ManifestSeries[];
  current: string;
  onChoose: (uid: string) => void;
}

export const SeriesList = memo(function SeriesList({ series, pictured, current, onChoose }: Props) {
  const { t } = useTexts();
  return (
    <nav className="series" aria-label={t('study.series')}>
      {series.map((entry) => {
        const shown = pictured.some((other) => other.series_uid === entry.series_uid);
        return (
          <button key={entry.series_uid} type="button" aria-current={entry.series_uid === current} disabled={!shown} onClick={() => onChoose(entry.series_uid)}>
            <span className="series-head">
              <b>
                {entry.modality} {entry.number ?? ''}
              </b>
              <span className="num">{entry.instances}</span>
            </span>
            <span className="series-name">{entry.description === '' ? '—' : entry.description}</span>
            {entry.chosen && <span className="series-ai">◆ {t('study.chosen')}</span>}
            {!shown && <span className="muted">{t('study.noPicture')}</span>}
          </button>
        );
      })}
    </nav>
  );
});
