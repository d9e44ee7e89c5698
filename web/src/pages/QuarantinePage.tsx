import { Button } from 'antd';
import { useState } from 'react';
import type { QuarantineRow } from '../api/types';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { PlainChip } from '../ui/chips';
import { bytes, instant } from '../ui/format';
import { Failure, Loading, Notice } from '../ui/states';
import { useRead } from '../ui/useRead';
import { ReasonDialog } from './ReasonDialog';

type Verb = 'release' | 'dismiss';
const REFRESH_MS = 15000;
const LOOK = { held: ['warn', '‖'], released: ['good', '✓'], dismissed: ['quiet', '–'] } as const;

export default function QuarantinePage() {
  const { t, said } = useTexts();
  const { api, may } = useSession();
  const read = useRead<{ rows: QuarantineRow[] }>('/api/quarantine', REFRESH_MS);
  const [asking, setAsking] = useState<{ row: QuarantineRow; verb: Verb } | null>(null);
  const decide = may('quarantine.release');
  return (
    <div className="page list-page">
      <header className="page-head">
        <h1>{t('nav.quarantine')}</h1>
        <p className="muted">{t('quarantine.what')}</p>
      </header>
      {read.data === null && (read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />)}
      {read.data?.rows.length === 0 && <Notice tone="info" title={t('quarantine.empty')} />}
      {read.data !== null && read.data.rows.length > 0 && (
        <table className="grid roomy">
          <thead>
            <tr>
              <th scope="col">{t('column.at')}</th>
              <th scope="col">{t('column.sender')}</th>
              <th scope="col" className="c-wide">{t('column.reason')}</th>
              <th scope="col" className="right">{t('column.size')}</th>
              <th scope="col">{t('column.state')}</th>
              {decide && <th scope="col">{t('column.action')}</th>}
            </tr>
          </thead>
          <tbody>
            {read.data.rows.map((row) => (
              <tr key={row.id}>
                <td className="num">{instant(row.at)}</td>
                <td>{row.sender}</td>
                <td className="wrap">
                  {said(row)} <span className="muted">{row.code}</span>
                </td>
                <td className="num right">{bytes(row.bytes)}</td>
                <td>
                  <PlainChip tone={LOOK[row.state][0]} glyph={LOOK[row.state][1]} label={t(`quarantine.${row.state}`)} />
                </td>
                {decide && (
                  <td>
                    {row.state === 'held' && (
                      <>
                        <Button size="small" onClick={() => setAsking({ row, verb: 'release' })}>
                          {t('quarantine.release')}
                        </Button>{' '}
                        <Button size="small" onClick={() => setAsking({ row, verb: 'dismiss' })}>
                          {t('quarantine.dismiss')}
                        </Button>
                      </>
                    )}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {asking !== null && (
        <ReasonDialog
          title={t(`quarantine.${asking.verb}`)}
          explain={t(`quarantine.${asking.verb}Explain`)}
          confirm={t(`quarantine.${asking.verb}`)}
          act={(reason) => api.send('POST', `/api/quarantine/${encodeURIComponent(asking.row.id)}/${asking.verb}`, { reason }).then(read.reload)}
          onClose={() => setAsking(null)}
        />
      )}
    </div>
  );
}
