import { Button, Dropdown } from 'antd';
import { lazy, Suspense, useState } from 'react';
import type { Manifest, Study } from '../api/types';
import { useLive } from '../app/live';
import { navigate, usePlace } from '../app/router';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { AskRepeat } from '../quality/AskRepeat';
import { AiChip, QcChip } from '../ui/chips';
import { ageYears, date, time } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading } from '../ui/states';
import { useRead } from '../ui/useRead';
import { Reading } from './Reading';

const RequestDialog = lazy(() => import('../consult/RequestDialog').then((module) => ({ default: module.RequestDialog })));

const ReportForm = lazy(() => import('../report/ReportForm').then((module) => ({ default: module.ReportForm })));

/** In the address while the report stands beside the pictures. */
const BESIDE = '?report';

const ASKED = ['consultation', 'mdt', 'referral'] as const;

/** Ask for a consultation, an MDT or a referral. */
function AskButton({ study }: { study: Study }) {
  const { t } = useTexts();
  const { may } = useSession();
  const [asking, setAsking] = useState<(typeof ASKED)[number] | null>(null);
  if (!may('consult.request')) return null;
  const { row } = study;
  return (
    <>
      <Dropdown trigger={['click']} menu={{ items: ASKED.map((kind) => ({ key: kind, label: t(`request.kind.${kind}`), onClick: () => setAsking(kind) })) }}>
        <Button size="small" type="primary" data-testid="ask-consult">
          {t('request.button')} ▾
        </Button>
      </Dropdown>
      {asking !== null && (
        <Suspense fallback={null}>
          <RequestDialog study={row.study} patientName={row.patient_name} patientId={row.patient_id} first={asking} onClose={() => setAsking(null)} />
        </Suspense>
      )}
    </>
  );
}

/** The report is written beside the pictures; a second press puts it away. */
function ReportLink({ study }: { study: string }) {
  const { t } = useTexts();
  const { search } = usePlace();
  const at = `/study/${encodeURIComponent(study)}`;
  const open = search === BESIDE;
  return (
    <Link to={open ? at : `${at}${BESIDE}`} className="report-link">
      {t(open ? 'report.close' : 'report.open')}
    </Link>
  );
}

function Head({ study, onChanged }: { study: Study; onChanged: () => void }) {
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
      <ReportLink study={row.study} />
      <AskRepeat study={study.row.study} quality={study.quality} onChanged={onChanged} />
      <AskButton study={study} />
    </header>
  );
}

// Fetched beside the study's data, not after it.
void import('../viewer/cornerstone').catch(() => undefined);

export default function StudyPage({ study }: { study: string }) {
  const { t } = useTexts();
  const base = `/api/studies/${encodeURIComponent(study)}`;
  const beside = usePlace().search === BESIDE;
  const read = useRead<Study>(base);
  // Asked for at once, not after the study: this decides when the first picture is there. While
  // images still arrive it is read again every fifty.
  const row = read.data?.row;
  const grown = row === undefined ? 0 : row.completeness === 'complete' ? row.instance_count : Math.ceil(row.instance_count / 50) * 50;
  const [first, setFirst] = useState(grown);
  if (first === 0 && grown !== 0) setFirst(grown);
  const manifest = useRead<Manifest>(`${base}/manifest`, null, grown === first ? 0 : grown);
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
      <Head study={read.data} onChanged={read.reload} />
      {read.error !== null && (
        <div className="banner" role="alert">
          {t('study.stale')} <Button size="small" onClick={read.reload}>{t('action.retry')}</Button>
        </div>
      )}
      <div className={beside ? 'study-split with-report' : 'study-split'}>
        <Reading study={read.data} manifest={manifest} onChanged={read.reload} />
        {beside && (
          <Suspense fallback={<Loading label={t('state.loadingPage')} />}>
            <ReportForm study={study} onClose={() => navigate(`/study/${encodeURIComponent(study)}`)} />
          </Suspense>
        )}
      </div>
    </div>
  );
}
