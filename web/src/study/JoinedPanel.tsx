/** The patient's other studies beside this one: prior CT, radiograph, PET. Five states that never look alike. */
import { useState } from 'react';
import type { Study } from '../api/types';
import { useTexts } from '../i18n';
import { date, time } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading } from '../ui/states';
import { useRead, type Read } from '../ui/useRead';
import { FollowUpView } from './FollowUpView';
import { emptyText, inOrder, type Comparison, type FollowUp, type JoinedList, type JoinedRow, type JoinState, type Joint, type Pet } from './joined';
import './joined.css';
import { JointView } from './JointView';
import { OwnPet, PetView } from './PetView';

const GLYPH: Record<JoinState, string> = { waiting: '○', running: '◐', ok: '●', failed: '✕', refused: '⊘', not_applicable: '–' };
const LONG = { waiting: 'joined.waitingLong', running: 'joined.runningLong', failed: 'joined.failedLong', refused: 'joined.refusedLong', not_applicable: 'joined.notApplicableLong' } as const;

interface Props {
  study: Study;
  list: Read<JoinedList>;
  onSelect: (lesion: number) => void;
}

/** Of which study the comparison speaks, with the way there. */
function Other({ row, here }: { row: JoinedRow; here: string }) {
  const { t } = useTexts();
  const { other } = row;
  return (
    <p>
      {t(row.carrier ? `joined.otherIs.${row.task}` : `joined.carrierIs.${row.task}`)} <b className="num">{`${date(other.study_date)} ${time(other.study_time)}`}</b> · {other.modality} · {other.description === '' ? '—' : other.description} ·{' '}
      <Link to={`/study/${encodeURIComponent(other.study)}`}>{t('joined.open')}</Link> ·{' '}
      <Link to={`${here}?beside=${encodeURIComponent(other.study)}`}>{t('joined.beside')}</Link>
    </p>
  );
}

function Result({ found, base, onSelect }: { found: Comparison; base: string; onSelect: (lesion: number) => void }) {
  const pictures = { base: `${base}/joined/${found.id}/pictures`, names: found.pictures };
  // Only the carrier's own lesions can be gone to: on the other study's page the ids mean nothing.
  const go = found.carrier ? onSelect : undefined;
  if (found.task === 'follow_up') return <FollowUpView found={found.result as FollowUp} pictures={pictures} onSelect={go} />;
  if (found.task === 'joint') return <JointView found={found.result as Joint} pictures={pictures} />;
  return <PetView pet={found.result as Pet} pictures={pictures} />;
}

function Opened({ row, base, onSelect }: { row: JoinedRow; base: string; onSelect: (lesion: number) => void }) {
  const { t, said } = useTexts();
  const computed = row.state === 'ok' || row.state === 'failed' || row.state === 'refused';
  const read = useRead<Comparison>(computed ? `${base}/joined/${row.id}` : null);
  const whole = read.data !== null && Object.keys(read.data.result).length > 0;
  return (
    <div className="joined-body">
      <Other row={row} here={base.replace('/api/studies/', '/study/')} />
      {row.reason !== null && row.state !== 'ok' && (
        <p className={row.state === 'failed' ? 'joined-state-failed' : 'note-warn'}>
          {said(row.reason)} ({row.reason.code})
        </p>
      )}
      {row.state !== 'ok' && <p className="muted">{t(LONG[row.state])}</p>}
      {read.data?.notes.map((note) => (
        <p key={note.code} className="note-warn">
          ! {said(note)}
        </p>
      ))}
      {computed && read.data === null && (read.error === null ? <Loading label={t('joined.loading')} /> : <Failure error={read.error} onRetry={read.reload} />)}
      {whole && read.data !== null && <Result found={read.data} base={base} onSelect={onSelect} />}
      <p className="muted">⚠ {t('joined.research')}</p>
    </div>
  );
}

function Section({ row, base, open, onOpen, onSelect }: { row: JoinedRow; base: string; open: boolean; onOpen: () => void; onSelect: (lesion: number) => void }) {
  const { t } = useTexts();
  return (
    <section data-testid={`joined-${row.task}`}>
      <button type="button" className="joined-head" aria-expanded={open} onClick={onOpen}>
        <b>{t(`joined.task.${row.task}`)}</b>
        <span className="num">{date(row.other.study_date)}</span>
        {row.days !== null && <span className="muted">{t('joined.daysApart', { n: Math.abs(row.days) })}</span>}
        <span className={`joined-state joined-state-${row.state}`}>
          <i aria-hidden="true">{GLYPH[row.state]}</i> {t(`joined.state.${row.state}`)}
        </span>
      </button>
      {open && <Opened row={row} base={base} onSelect={onSelect} />}
    </section>
  );
}

export function JoinedPanel({ study, list, onSelect }: Props) {
  const { t } = useTexts();
  const [closed, setClosed] = useState<Record<string, boolean>>({});
  const base = `/api/studies/${encodeURIComponent(study.row.study)}`;
  if (list.data === null) return list.error === null ? <Loading label={t('joined.loading')} /> : <Failure error={list.error} onRetry={list.reload} />;
  const rows = inOrder(list.data.rows);
  const ended = study.row.ai !== 'waiting' && study.row.ai !== 'running';
  return (
    <div className="joined" data-testid="joined">
      <OwnPet study={study} base={base} />
      {rows.length === 0 && <p className="muted">{t(emptyText(list.data, ended), { days: list.data.film_ct_days })}</p>}
      {rows.map((row, at) => {
        const open = !(closed[row.id] ?? at > 0);
        return <Section key={row.id} row={row} base={base} open={open} onOpen={() => setClosed((old) => ({ ...old, [row.id]: open }))} onSelect={onSelect} />;
      })}
      {rows.length > 0 && list.data.looking && <p className="muted">{t('joined.looking')}</p>}
      <p className="muted">{t('joined.byId')}</p>
    </div>
  );
}
