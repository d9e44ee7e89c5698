/** One case: pictures in the middle, everything said about it at the right. */
import { Button } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { useSession } from '../../app/session';
import { may, partOf } from '../../consult/fold';
import { Deadline, PlaceChip, UrgencyChip, useNow } from '../../consult/Marks';
import { useTexts } from '../../i18n';
import { ageYears } from '../../ui/format';
import { Link } from '../../ui/Link';
import { Failure, Loading } from '../../ui/states';
import { useSealFailureText } from '../failure';
import { AskDialog, DeclineDialog } from './Dialogs';
import { CaseReading } from './CaseReading';
import { MdtDialog } from './MdtDialog';
import type { Distrust } from './opening';
import { useCase, type CaseRead, type OpenCase } from './useCase';

// Fetched beside the case's data, not after it.
void import('../../viewer/cornerstone').catch(() => undefined);

export interface CaseProps {
  data: OpenCase;
  read: CaseRead;
  me: string;
}

function Trouble({ distrust }: { distrust: readonly Distrust[] }) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  if (distrust.length === 0) return null;
  return (
    <div className="banner banner-alarm" role="alert" data-testid="distrust">
      <b>✕ {t('distrust.title')}</b>
      <ul>
        {distrust.map((one, index) => (
          <li key={index}>
            {t(`distrust.${one.what}`, { n: one.seq ?? 0 })} {one.error !== null && failureText(one.error)}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Actions({ data, read, me }: CaseProps) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [open, setOpen] = useState<'ask' | 'decline' | 'mdt' | null>(null);
  const { standing } = data.believed;
  const part = partOf(standing, me);
  const allowed = (kind: Parameters<typeof may>[2]) => may(standing.kind, part, kind, standing.place);
  async function act(kind: 'accepted' | 'completed'): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      await read.post(kind, {}, null);
    } catch (error) {
      setFailure(failureText(error));
    }
    setBusy(false);
  }
  const needed = standing.kind === 'mdt' ? 'summary' : standing.kind === 'referral' ? 'offered' : 'opinion';
  const done = standing.signed.some((one) => one.kind === needed && (needed !== 'opinion' || one.person === standing.owner));
  return (
    <span className="actions">
      {failure !== null && (
        <span className="warn-text ellipsis" role="alert" title={failure}>
          ✕ {failure}
        </span>
      )}
      {allowed('accepted') && (
        <Button type="primary" size="small" loading={busy} onClick={() => void act('accepted')} data-testid="accept">
          {t('case.accept')}
        </Button>
      )}
      {allowed('rejected') && (
        <Button size="small" onClick={() => setOpen('decline')}>
          {t('case.decline')}
        </Button>
      )}
      {allowed('information.asked') && (
        <Button size="small" onClick={() => setOpen('ask')} data-testid="ask">
          {t('case.ask')}
        </Button>
      )}
      {allowed('invited') && (
        <Button size="small" onClick={() => setOpen('mdt')} data-testid="mdt">
          {t(standing.kind === 'mdt' ? 'case.invite' : 'case.mdt')}
        </Button>
      )}
      {allowed('completed') && done && (
        <Button size="small" type="primary" loading={busy} onClick={() => void act('completed')} data-testid="complete">
          {t('case.complete')}
        </Button>
      )}
      {open === 'ask' && <AskDialog read={read} onClose={() => setOpen(null)} />}
      {open === 'decline' && <DeclineDialog read={read} onClose={() => setOpen(null)} />}
      {open === 'mdt' && <MdtDialog data={data} read={read} onClose={() => setOpen(null)} />}
    </span>
  );
}

function Head(props: CaseProps) {
  const { t } = useTexts();
  const now = useNow();
  const { data } = props;
  const { standing } = data.believed;
  const patient = data.index?.patient;
  const study = data.index?.studies.find((one) => !one.prior);
  const years = patient === undefined || study === undefined ? null : ageYears(patient.birth_date, study.study_date);
  const sex = patient?.sex === 'M' || patient?.sex === 'F' || patient?.sex === 'O' ? t(`sex.${patient.sex}`) : '';
  const closed = ['completed', 'rejected', 'failed', 'cancelled'].includes(standing.place);
  return (
    <header className="study-head">
      <Link to="/" className="back">
        ‹ {t('portal.nav.list')}
      </Link>
      <h1 data-testid="patient">{patient === undefined ? t('case.sealedName') : patient.name === '' ? t('value.noName') : patient.name}</h1>
      {patient !== undefined && (
        <span>
          {sex}
          {years === null ? '' : ` · ${t('value.years', { n: years })}`}
        </span>
      )}
      <span className="ellipsis grow">
        {t(`consult.kind.${standing.kind}`)} · {data.answer.row.hospital_name}
      </span>
      <UrgencyChip urgency={standing.urgency} />
      <Deadline at={standing.deadlineAt} now={now} closed={closed} />
      <PlaceChip place={standing.place} />
      <Actions {...props} />
    </header>
  );
}

/** Tell the hub what was seen, and that somebody is here; neither may disturb the reading. */
function useAttendance(consult: string, last: number): void {
  const { api } = useSession();
  const path = `/api/consults/${encodeURIComponent(consult)}`;
  const told = useRef(0);
  useEffect(() => {
    if (last <= told.current) return;
    told.current = last;
    api.send('POST', `${path}/seen`, { seq: last }).catch(() => undefined);
  }, [api, path, last]);
  useEffect(() => {
    const here = () => void api.send('POST', `${path}/presence`).catch(() => undefined);
    here();
    const timer = window.setInterval(here, 20_000);
    return () => window.clearInterval(timer);
  }, [api, path]);
}

function Opened({ consult, data, read }: { consult: string; data: OpenCase; read: CaseRead }) {
  const { t } = useTexts();
  const { me } = useSession();
  useAttendance(consult, data.answer.events.at(-1)?.seq ?? 0);
  return (
    <div className="page study">
      <Head data={data} read={read} me={me?.id ?? ''} />
      <Trouble distrust={data.believed.distrust} />
      {read.error !== null && (
        <div className="banner" role="alert">
          {t('case.stale')}{' '}
          <Button size="small" onClick={read.reload}>
            {t('action.retry')}
          </Button>
        </div>
      )}
      <CaseReading data={data} read={read} me={me?.id ?? ''} />
    </div>
  );
}

export default function CasePage({ consult }: { consult: string }) {
  const { t } = useTexts();
  const read = useCase(consult);
  if (read.data === null) return read.error === null ? <Loading label={t('case.opening')} /> : <Failure error={read.error} onRetry={read.reload} />;
  return <Opened consult={consult} data={read.data} read={read} />;
}
