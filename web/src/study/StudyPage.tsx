import { Button } from 'antd';
import type { Study } from '../api/types';
import { useLive } from '../app/live';
import { useTexts } from '../i18n';
import { AiChip, QcChip } from '../ui/chips';
import { ageYears, date, time } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading } from '../ui/states';
import { useRead } from '../ui/useRead';
import { Reading } from './Reading';

function Head({ study }: { study: Study }) {
  const { t } = useTexts();
  const { row } = study;
  const years = ageYears(row.birth_date, row.study_date);
  const sex = row.sex === 'M' || row.sex === 'F' || row.sex === 'O' ? t(`sex.${row.sex}`) : '—';
  return (
    <header className="study-head">
      <Link to="/" className="back">
        ‹ {t('nav.worklist')}
      </Link>
      <h1>{row.patient_name === '' ? t('value.noName') : row.patient_name}</h1>
      <span className="num">{row.patient_id}</span>
      <span>
        {sex}
        {years === null ? '' : ` · ${t('value.years', { n: years })}`}
      </span>
      <span className="num">
        {date(row.study_date)} {time(row.study_time)}
      </span>
      <span className="ellipsis grow">
        {row.modality} · {row.description}
      </span>
      <span className="pair">
        {t('column.qc')} <QcChip state={row.qc} />
      </span>
      <span className="pair">
        AI <AiChip state={row.ai} />
      </span>
    </header>
  );
}

export default function StudyPage({ study }: { study: string }) {
  const { t } = useTexts();
  const read = useRead<Study>(`/api/studies/${encodeURIComponent(study)}`);
  useLive({
    onEvent: (event) => {
      if (event.study === study) read.reload();
    },
    onGap: read.reload,
  });
  if (read.data === null) {
    return read.error === null ? <Loading label={t('state.loadingStudy')} /> : <Failure error={read.error} onRetry={read.reload} />;
  }
  return (
    <div className="page study">
      <Head study={read.data} />
      {read.error !== null && (
        <div className="banner" role="alert">
          {t('study.stale')} <Button size="small" onClick={read.reload}>{t('action.retry')}</Button>
        </div>
      )}
      <Reading study={read.data} onChanged={read.reload} />
    </div>
  );
}
