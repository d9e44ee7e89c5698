import type { SystemState } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { PlainChip } from '../ui/chips';
import { bytes, instant } from '../ui/format';
import { Failure, Loading } from '../ui/states';
import { useRead } from '../ui/useRead';

const TASKS: Record<string, Key> = { dr_tb: 'model.dr_tb', 'xinglin-ct-classical': 'model.ct' };
const TRAITS: Record<string, Key> = { modality: 'trait.modality', pacs: 'trait.pacs', 'may-correct': 'trait.mayCorrect', 'may-query': 'trait.mayQuery' };
const JOURNALS: Record<string, Key> = { clinical: 'journal.clinical', access: 'journal.access' };
const REFRESH_MS = 10000;
const TIER = { ok: ['good', '✓'], warn: ['warn', '!'], no_prefetch: ['warn', '!'], refuse_routine: ['bad', '✕'], refuse_all: ['bad', '✕'] } as const;

function Disk({ disk }: { disk: SystemState['disk'] }) {
  const { t } = useTexts();
  const used = disk.total > 0 ? 1 - disk.free / disk.total : 0;
  return (
    <section className="sheet">
      <h2>
        {t('system.disk')} <PlainChip tone={TIER[disk.tier][0]} glyph={TIER[disk.tier][1]} label={t(`tier.${disk.tier}`)} />
      </h2>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" className="disk" role="img" aria-label={t('system.used', { percent: Math.round(used * 100) })}>
        <rect width="100" height="4" className="score-track" />
        <rect width={used * 100} height="4" className={disk.tier === 'ok' ? 'score-low' : 'score-high'} />
      </svg>
      <p>
        {t('system.used', { percent: Math.round(used * 100) })} · {t('system.free', { free: bytes(disk.free), total: bytes(disk.total) })}
      </p>
      <p>
        <b>{disk.days_left === null ? t('system.noForecast') : t('system.daysLeft', { n: Math.floor(disk.days_left) })}</b>
      </p>
      <p className="muted">{t(`tier.${disk.tier}.means`)}</p>
    </section>
  );
}

function Backup({ backup }: { backup: SystemState['backup'] }) {
  const { t } = useTexts();
  return (
    <section className="sheet">
      <h2>
        {t('system.backup')}{' '}
        {backup.last_at === null ? (
          <PlainChip tone="bad" glyph="✕" label={t('backup.never')} />
        ) : backup.last_ok === true ? (
          <PlainChip tone="good" glyph="✓" label={t('backup.ok')} />
        ) : (
          <PlainChip tone="bad" glyph="✕" label={t('backup.failed')} />
        )}
      </h2>
      <dl className="facts wide">
        <dt>{t('backup.last')}</dt>
        <dd className="num">{instant(backup.last_at)}</dd>
        <dt>{t('backup.next')}</dt>
        <dd className="num">{instant(backup.next_at)}</dd>
        <dt>{t('backup.destination')}</dt>
        <dd className="wrap">{backup.destination ?? '—'}</dd>
      </dl>
    </section>
  );
}

export default function SystemPage() {
  const { t } = useTexts();
  const word = (table: Record<string, Key>, code: string) => {
    const key = table[code];
    return key === undefined ? code : t(key);
  };
  const read = useRead<SystemState>('/api/system', REFRESH_MS);
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  const system = read.data;
  return (
    <div className="page list-page">
      <header className="page-head">
        <h1>{t('nav.system')}</h1>
        <p className="muted num">
          {system.hospital} · {t('system.node')} <span title={system.node}>{system.node.slice(0, 16)}</span> · {t('method.version')} {system.version}
        </p>
        {read.error !== null && <p className="warn-text">{t('study.stale')}</p>}
      </header>
      <div className="sheets">
        <Disk disk={system.disk} />
        <Backup backup={system.backup} />
        <section className="sheet">
          <h2>{t('system.models')}</h2>
          {system.models.length === 0 && <p className="muted">{t('system.noModels')}</p>}
          <table className="grid roomy">
            <tbody>
              {system.models.map((model) => (
                <tr key={`${model.name} ${model.version}`}>
                  <td>
                    <b>{model.name}</b> <span className="num">{model.version}</span>
                  </td>
                  <td>{TASKS[model.name] === undefined ? model.task : word(TASKS, model.name)}</td>
                  <td>{model.engine}</td>
                  <td>
                    {model.active ? <PlainChip tone="good" glyph="●" label={t('system.active')} /> : <PlainChip tone="quiet" glyph="○" label={t('system.inactive')} />}
                    {model.research_only && <PlainChip tone="warn" glyph="⚠" label={t('app.researchOnly')} />}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section className="sheet">
          <h2>{t('system.peers')}</h2>
          <table className="grid roomy">
            <tbody>
              {system.peers.map((peer) => (
                <tr key={peer.name}>
                  <td><b>{peer.name}</b></td>
                  <td>{peer.role.split(', ').map((trait) => word(TRAITS, trait)).join(' · ')}</td>
                  <td className="num">{peer.last_seen === null ? t('peer.never') : t('peer.lastStudy', { at: instant(peer.last_seen) })}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section className="sheet">
          <h2>{t('system.heads')}</h2>
          <table className="grid roomy">
            <tbody>
              {system.heads.map((head) => (
                <tr key={`${head.journal} ${head.writer}`}>
                  <td><b>{word(JOURNALS, head.journal)}</b></td>
                  <td className="num">{head.seq}</td>
                  <td className="num" title={head.digest}>{head.digest.slice(0, 16)}…</td>
                  <td className="num">{instant(head.at)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p className="muted">{t('system.headsMean')}</p>
        </section>
      </div>
    </div>
  );
}
