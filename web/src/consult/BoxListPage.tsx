/** The hospital's consultations: where each stands, how far it is sent, what came back. */
import { Alert, Button, Popconfirm } from 'antd';
import { useState } from 'react';
import { useCommands } from '../app/keys';
import { navigate } from '../app/router';
import { useSession } from '../app/session';
import { useTexts, type Key } from '../i18n';
import { instant } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading, Notice, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { Announced, type AnnouncedNotice } from './Announced';
import { Progress } from './BoxCasePage';
import type { BoxDraft, BoxRow, OpenDraft } from './box';
import { useBoxLive } from './boxLive';
import { Deadline, PlaceChip, UrgencyChip, useDepartment, useNow } from './Marks';
import { RequestDialog } from './RequestDialog';

const COLUMNS: Key[] = ['column.patient', 'portal.column.kind', 'portal.column.urgency', 'portal.column.state', 'box.column.to', 'portal.column.deadline', 'box.column.sent', 'case.tab.opinion', 'box.column.changed'];

function Line({ row, now, selected, onSelect }: { row: BoxRow; now: number; selected: boolean; onSelect: () => void }) {
  const { t } = useTexts();
  const department = useDepartment();
  const url = `/consults/${encodeURIComponent(row.id)}`;
  return (
    <tr aria-selected={selected} className={`${selected ? 'selected' : ''}${row.ball === 'us' ? ' ball-us' : ''}`} onClick={onSelect} onDoubleClick={() => navigate(url)} data-consult={row.id}>
      <td>
        <Link to={url} className="name">
          {row.patient_name === '' ? t('value.noName') : row.patient_name}
        </Link>{' '}
        <span className="num muted">{row.patient_id}</span> {row.alarms > 0 && <span className="chip chip-bad">✕ {t('box.alarms', { n: row.alarms })}</span>}
      </td>
      <td>{t(`consult.kind.${row.kind}`)}</td>
      <td>
        <UrgencyChip urgency={row.urgency} />
      </td>
      <td>
        <PlaceChip place={row.place} /> {row.ball === 'us' && <span className="chip chip-warn">! {t('box.ballShort')}</span>}
      </td>
      <td>{row.authority === 'house' ? t('box.house') : `${row.to_hospital_name} ${row.owner_name ?? department(row.to_department)}`}</td>
      <td>
        <Deadline at={row.deadline_at} now={now} closed={row.closed_at !== null} />
      </td>
      <td>
        <Progress upload={row.upload} />
      </td>
      <td className="num">{row.opinions}</td>
      <td className="num">{instant(row.changed_at)}</td>
    </tr>
  );
}

/** Kept drafts: opened again with everything typed, thrown away only on purpose. */
function Drafts({ drafts, onChanged }: { drafts: readonly BoxDraft[]; onChanged: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [open, setOpen] = useState<{ draft: OpenDraft; of: BoxDraft } | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const path = (draft: BoxDraft) => `/api/consults/${encodeURIComponent(draft.id)}/draft`;
  const fail = (error: unknown) => setFailure(failureText(error));
  return (
    <>
      {drafts.map((draft) => (
        <div key={draft.id} className="gate-note draft-line" data-testid="draft">
          <span className="grow">
            ✎ {t('box.draftOf', { name: draft.patient_name })} <span className="num muted">{instant(draft.changed)}</span>
          </span>
          <Button size="small" type="primary" onClick={() => void api.get<OpenDraft>(path(draft)).then((found) => setOpen({ draft: found, of: draft }), fail)}>
            {t('box.draftGoOn')}
          </Button>
          <Popconfirm title={t('request.discardSure')} okText={t('request.discard')} cancelText={t('action.back')} onConfirm={() => void api.send('DELETE', path(draft)).then(onChanged, fail)}>
            <Button size="small" type="text" danger>
              {t('request.discard')}
            </Button>
          </Popconfirm>
          <Link to={`/study/${encodeURIComponent(draft.study)}`}>{t('box.toStudy')}</Link>
        </div>
      ))}
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      {open !== null && (
        <RequestDialog
          study={open.draft.study}
          patientName={open.of.patient_name}
          patientId={open.of.patient_id}
          first="consultation"
          draft={open.draft}
          onClose={() => {
            setOpen(null);
            onChanged();
          }}
        />
      )}
    </>
  );
}

const SEATED_EVERY_MS = 10_000;

export default function BoxListPage() {
  const { t } = useTexts();
  const { may } = useSession();
  // Who sits in a meeting without the right to ask has no stream of changes.
  const read = useRead<{ rows: BoxRow[]; drafts: BoxDraft[]; notices: AnnouncedNotice[] }>('/api/consults', may('consult.request') ? null : SEATED_EVERY_MS);
  const live = useBoxLive(() => read.reload());
  const now = useNow();
  const [at, setAt] = useState(-1);
  const rows = read.data?.rows ?? [];
  useCommands({
    'list.down': () => setAt(Math.min(at + 1, rows.length - 1)),
    'list.up': () => setAt(Math.max(at - 1, 0)),
    'list.open': () => {
      const row = rows[at];
      if (row !== undefined) navigate(`/consults/${encodeURIComponent(row.id)}`);
    },
    'list.refresh': read.reload,
  });
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingList')} /> : <Failure error={read.error} onRetry={read.reload} />;
  return (
    <div className="page list-page">
      <div className="sheet">
        <h1>{t('portal.nav.list')}</h1>
        <Announced notices={read.data.notices} rows={rows} />
        <Drafts drafts={read.data.drafts} onChanged={read.reload} />
        {rows.length === 0 && <Notice tone="info" title={t('box.none')} />}
        {rows.length > 0 && (
          <table className="grid roomy" aria-label={t('portal.nav.list')}>
            <thead>
              <tr>
                {COLUMNS.map((label) => (
                  <th key={label} scope="col">
                    {t(label)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <Line key={row.id} row={row} now={now} selected={index === at} onSelect={() => setAt(index)} />
              ))}
            </tbody>
          </table>
        )}
        {may('consult.request') && <p className={`live live-${live}`}>{t(`live.${live}`)}</p>}
      </div>
    </div>
  );
}
