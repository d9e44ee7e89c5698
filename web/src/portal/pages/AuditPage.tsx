import { useTexts } from '../../i18n';
import { Failure, Loading, Notice } from '../../ui/states';
import { useRead } from '../../ui/useRead';
import type { Instant } from '../types';
import { when } from './when';

interface AuditRow {
  position: number;
  at: Instant;
  actor: string;
  kind: string;
  text_zh?: string;
  text_en?: string;
  body?: Record<string, unknown>;
}

export default function AuditPage() {
  const { t, language } = useTexts();
  const read = useRead<{ rows: AuditRow[] }>('/api/audit');
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  if (read.data.rows.length === 0) return <Notice tone="info" title={t('audit.none')} />;
  return (
    <div className="page list-page">
      <div className="sheet">
        <h1>{t('portal.nav.audit')}</h1>
        <p className="muted">{t('audit.explain')}</p>
        <table className="grid roomy" aria-label={t('portal.nav.audit')}>
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col">{t('column.at')}</th>
              <th scope="col">{t('audit.actor')}</th>
              <th scope="col">{t('audit.what')}</th>
            </tr>
          </thead>
          <tbody>
            {read.data.rows.map((row) => (
              <tr key={row.position}>
                <td className="num">{row.position}</td>
                <td className="num">{when(row.at)}</td>
                <td>{row.actor}</td>
                <td className="wrap">{(language === 'zh' ? row.text_zh : row.text_en) ?? `${row.kind} ${Object.entries(row.body ?? {}).map(([name, value]) => `${name}=${String(value)}`).join(' ')}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
