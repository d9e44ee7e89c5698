import { Alert, Button } from 'antd';
import { useState } from 'react';
import type { QueueRow } from '../api/types';
import { useSession } from '../app/session';
import { useTexts, type Key } from '../i18n';
import { PlainChip } from '../ui/chips';
import { age, instant } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading, Notice, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';

const REFRESH_MS = 5000;
const STATES = ['running', 'waiting', 'failed', 'dead'] as const;
const STAGES: Record<string, Key> = {
  complete: 'stage.complete',
  image_quality: 'stage.image_quality',
  quality: 'stage.quality',
  inference: 'stage.inference',
  measuring: 'stage.measuring',
  report: 'stage.report',
  delivery: 'stage.delivery',
  forward: 'stage.forward',
  manifest: 'stage.manifest',
  commitment: 'stage.commitment',
};
const LOOK = { waiting: ['quiet', '○'], running: ['busy', '◐'], failed: ['warn', '↻'], dead: ['bad', '✕'] } as const;

/** The beginning of an opaque id is enough to tell studies apart. */
const shortId = (study: string) => study.slice(0, 11);

export default function QueuePage() {
  const { t, said } = useTexts();
  const { api, may } = useSession();
  const failureText = useFailureText();
  const read = useRead<{ rows: QueueRow[]; counts: Record<string, number> }>('/api/queue', REFRESH_MS);
  const [failure, setFailure] = useState<string | null>(null);
  const resend = (id: string) => {
    api.send('POST', `/api/queue/${encodeURIComponent(id)}/resend`).then(
      () => {
        setFailure(null);
        read.reload();
      },
      (error: unknown) => setFailure(failureText(error)),
    );
  };
  return (
    <div className="page list-page">
      <header className="page-head">
        <h1>{t('nav.queue')}</h1>
        {read.data !== null && (
          <p className="counts">
            {STATES.map((state) => (
              <PlainChip key={state} tone={LOOK[state][0]} glyph={LOOK[state][1]} label={`${t(`queue.${state}`)} ${read.data?.counts[state] ?? 0}`} />
            ))}
          </p>
        )}
        {read.data !== null && read.error !== null && <p className="warn-text">{failureText(read.error)}</p>}
      </header>
      {failure !== null && <Alert type="error" showIcon title={failure} />}
      {read.data === null && (read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />)}
      {read.data?.rows.length === 0 && <Notice tone="info" title={t('queue.empty')} />}
      {read.data !== null && read.data.rows.length > 0 && (
        <table className="grid roomy">
          <thead>
            <tr>
              <th scope="col">{t('column.state')}</th>
              <th scope="col">{t('queue.stage')}</th>
              <th scope="col">{t('queue.study')}</th>
              <th scope="col">{t('queue.priority')}</th>
              <th scope="col" className="right">{t('queue.age')}</th>
              <th scope="col" className="right">{t('queue.attempts')}</th>
              <th scope="col">{t('queue.deadline')}</th>
              <th scope="col" className="c-wide">{t('column.reason')}</th>
              <th scope="col">{t('column.action')}</th>
            </tr>
          </thead>
          <tbody>
            {read.data.rows.map((row) => (
              <tr key={row.id}>
                <td>
                  <PlainChip tone={LOOK[row.state][0]} glyph={LOOK[row.state][1]} label={t(`queue.${row.state}`)} />
                </td>
                <td>{t(STAGES[row.stage] ?? 'stage.other')}</td>
                <td>{may('study.read') ? <Link to={`/study/${encodeURIComponent(row.study)}`}>{shortId(row.study)}</Link> : <span title={row.study}>{shortId(row.study)}</span>}</td>
                <td>{row.priority === 'urgent' ? `▲ ${t('queue.urgent')}` : t('queue.routine')}</td>
                <td className="num right">{age(row.age_s)}</td>
                <td className="num right">{row.attempts}</td>
                <td className="num">{instant(row.deadline)}</td>
                <td className="wrap">{row.error !== null && <>{said(row.error)} <span className="muted">{row.error.code}</span></>}</td>
                <td>
                  {may('queue.resend') && (row.state === 'dead' || row.state === 'failed') && (
                    <Button size="small" onClick={() => resend(row.id)}>
                      {t('queue.resend')}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
