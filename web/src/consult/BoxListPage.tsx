/** The hospital's consultations: where each stands, how far it is sent, what came back. */
import { useState } from 'react';
import { useCommands } from '../app/keys';
import { navigate } from '../app/router';
import { useTexts, type Key } from '../i18n';
import { instant } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading, Notice } from '../ui/states';
import { useRead } from '../ui/useRead';
import { Progress } from './BoxCasePage';
import type { BoxDraft, BoxRow } from './box';
import { useBoxLive } from './boxLive';
import { Deadline, PlaceChip, UrgencyChip, useDepartment, useNow } from './Marks';

const COLUMNS: Key[] = ['column.patient', 'portal.column.kind', 'portal.column.urgency', 'portal.column.state', 'box.column.to', 'portal.column.deadline', 'box.column.sent', 'case.tab.opinion', 'box.column.changed'];

function Line({ row, now, selected, onSelect }: { row: BoxRow; now: number; selected: boolean; onSelect: () => void }) {
  const { t } = useTexts();
  const department = useDepartment();
  const url = `/consults/${encodeURIComponent(row.id)}`;
  return (
    <tr aria-selected={selected} className={selected ? 'selected' : ''} onClick={onSelect} onDoubleClick={() => navigate(url)} data-consult={row.id}>
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
        <PlaceChip place={row.place} />
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

export default function BoxListPage() {
  const { t } = useTexts();
  const read = useRead<{ rows: BoxRow[]; drafts: BoxDraft[] }>('/api/consults');
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
        {read.data.drafts.map((draft) => (
          <p key={draft.id} className="gate-note">
            ✎ {t('box.draftOf', { name: draft.patient_name })} <Link to={`/study/${encodeURIComponent(draft.study)}`}>{t('box.toStudy')}</Link>
          </p>
        ))}
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
        <p className={`live live-${live}`}>{t(`live.${live}`)}</p>
      </div>
    </div>
  );
}
