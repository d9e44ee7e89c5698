/** What the hub announced by the broker and the link has not brought yet; how that broker stands. */
import { useTexts, type Key } from '../i18n';
import { PlainChip } from '../ui/chips';
import { instant } from '../ui/format';
import { Link } from '../ui/Link';
import type { BoxRow, RegionState } from './box';
import { UrgencyChip } from './Marks';
import type { Urgency } from './types';

export interface AnnouncedNotice {
  seq: number;
  kind: string;
  consult: string;
  urgency: Urgency | '';
  at: string;
  heard_at: string;
}

const WORDS: Record<string, Key> = {
  opinion: 'announced.opinion',
  addendum: 'announced.opinion',
  summary: 'announced.opinion',
  offered: 'announced.offered',
  'information.asked': 'announced.asked',
  message: 'announced.message',
  accepted: 'announced.taken',
  assigned: 'announced.taken',
  started: 'announced.taken',
  rejected: 'announced.notDone',
  failed: 'announced.notDone',
  completed: 'announced.completed',
};
const RANK: Record<string, number> = { emergency: 0, urgent: 1, routine: 2 };

export function Announced({ notices, rows }: { notices: readonly AnnouncedNotice[]; rows: readonly BoxRow[] }) {
  const { t } = useTexts();
  if (notices.length === 0) return null;
  const sorted = [...notices].sort((a, b) => (RANK[a.urgency] ?? 3) - (RANK[b.urgency] ?? 3) || a.seq - b.seq);
  return (
    <section className="note-warn" role="status" data-testid="announced" aria-label={t('announced.title', { n: notices.length })}>
      <b>! {t('announced.title', { n: notices.length })}</b>
      <ul>
        {sorted.map((notice) => {
          const name = rows.find((row) => row.id === notice.consult)?.patient_name ?? '';
          return (
            <li key={notice.seq}>
              {notice.urgency !== '' && <UrgencyChip urgency={notice.urgency} />} <Link to={`/consults/${encodeURIComponent(notice.consult)}`}>{name === '' ? t('announced.consult') : name}</Link> {t(WORDS[notice.kind] ?? 'announced.news')} <span className="num">{instant(notice.at)}</span>
            </li>
          );
        })}
      </ul>
      <p>{t('announced.why')}</p>
    </section>
  );
}

const TONE = { idle: 'quiet', connecting: 'busy', open: 'good', waiting: 'warn', refused: 'warn' } as const;

export function BrokerLine({ notices }: { notices: RegionState['notices'] }) {
  const { t, said } = useTexts();
  if (notices.state === 'idle') return null;
  const ignored = Object.entries(notices.ignored).map(([code, n]) => `${code}: ${n}`);
  return (
    <section data-testid="broker">
      <h2>{t('broker.title')}</h2>
      <p>
        <PlainChip tone={TONE[notices.state]} glyph={notices.state === 'open' ? '●' : '○'} label={t(`broker.${notices.state}`)} /> <span className="muted num">{t('region.since', { at: instant(notices.since) })}</span> {t('broker.heard', { n: notices.heard })}
        {ignored.length > 0 && <span className="muted"> {t('broker.ignored', { what: ignored.join(', ') })}</span>}
      </p>
      {notices.awaited.length > 0 && <p className="note-warn">! {t('announced.title', { n: notices.awaited.length })}</p>}
      {notices.last_error !== null && (
        <p className="muted">
          {said(notices.last_error)} ({notices.last_error.code})
        </p>
      )}
    </section>
  );
}
