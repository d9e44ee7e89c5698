/** The box in its region: joining, the line, the certificate, alarms, whose keys changed. */
import { Alert, Button, Input } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { PlainChip } from '../ui/chips';
import { age, bytes, instant } from '../ui/format';
import { Failure, Loading, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { AlarmList } from './AlarmList';
import { BrokerLine } from './Announced';
import type { DeadPart, RegionState } from './box';
import { ChangedKeys, PeopleKeys } from './RegionKeys';
import { DeadLetters } from './Sending';

function Join({ onJoined }: { onJoined: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [address, setAddress] = useState('');
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function join(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      await api.send('POST', '/api/region/join', { address: address.trim(), code: code.trim() });
      onJoined();
    } catch (error) {
      setFailure(failureText(error));
    }
    setBusy(false);
  }
  return (
    <form
      className="form join"
      onSubmit={(event) => {
        event.preventDefault();
        void join();
      }}
    >
      <p>{t('region.joinWhy')}</p>
      <label htmlFor="join-code">{t('region.code')}</label>
      <Input id="join-code" autoComplete="off" spellCheck={false} value={code} onChange={(event) => setCode(event.target.value)} aria-describedby="join-hint" />
      <p id="join-hint" className="muted">
        {t('region.codeHint')}
      </p>
      <label htmlFor="join-address">{t('region.address')}</label>
      <Input id="join-address" autoComplete="off" spellCheck={false} placeholder="hub.example.cn:8443" value={address} onChange={(event) => setAddress(event.target.value)} />
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <Button type="primary" htmlType="submit" loading={busy} disabled={code.trim() === ''} data-testid="join">
        {busy ? t('region.joining') : t('region.join')}
      </Button>
    </form>
  );
}

const LINK_TONE = { open: 'good', connecting: 'busy', waiting: 'warn', refused: 'bad', unknown: 'warn', idle: 'quiet' } as const;
const CERT_TONE = { good: 'good', due: 'busy', expired: 'bad', waiting: 'warn', revoked: 'bad', damaged: 'bad', none: 'quiet' } as const;

function Line({ link }: { link: RegionState['link'] }) {
  const { t, said } = useTexts();
  const { backlog } = link;
  return (
    <section>
      <h2>{t('region.link')}</h2>
      <p>
        <PlainChip tone={LINK_TONE[link.state]} glyph={link.state === 'open' ? '●' : '○'} label={t(`region.link.${link.state}`)} /> {link.since !== null && <span className="muted num">{t('region.since', { at: instant(link.since) })}</span>} {link.latency_ms !== null && <span className="num">{Math.round(link.latency_ms)} ms</span>}
      </p>
      <p data-testid="backlog">{backlog.items === 0 ? t('region.nothingWaits') : t('region.waits', { n: backlog.items, size: bytes(backlog.bytes), age: age(backlog.oldest_s) })}</p>
      {backlog.dead > 0 && <p className="note-bad">✕ {t('box.dead', { n: backlog.dead })}</p>}
      {link.last_error !== null && (
        <p className="muted">
          {said(link.last_error)} ({link.last_error.code})
        </p>
      )}
    </section>
  );
}

function Certificate({ certificate, onChanged }: { certificate: NonNullable<RegionState['certificate']>; onChanged: () => void }) {
  const { t, said } = useTexts();
  const { api, may } = useSession();
  const failureText = useFailureText();
  const [failure, setFailure] = useState<string | null>(null);
  const needs = (certificate.state === 'expired' || certificate.state === 'waiting') && certificate.consent == null;
  async function agree(): Promise<void> {
    setFailure(null);
    try {
      await api.send('POST', '/api/region/renew-consent');
      onChanged();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  return (
    <section>
      <h2>{t('region.certificate')}</h2>
      <p>
        <PlainChip tone={CERT_TONE[certificate.state]} glyph="·" label={t(`region.cert.${certificate.state}`)} /> {certificate.not_after !== undefined && <span className="num">{t('invite.until', { at: instant(certificate.not_after) })}</span>}
      </p>
      {needs && (
        <div className="note-warn">
          <p>{t('region.lateLong')}</p>
          {may('region.manage') && (
            <Button size="small" type="primary" onClick={() => void agree()} data-testid="renew-consent">
              {t('region.agree')}
            </Button>
          )}
        </div>
      )}
      {certificate.consent != null && <p>{t('region.agreed', { by: certificate.consent.by, at: instant(certificate.consent.at) })}</p>}
      {certificate.waits_for === 'hub' && <p className="note-warn">! {t('region.waitsHub')}</p>}
      {certificate.error !== null && (
        <p className="muted">
          {said(certificate.error)} ({certificate.error.code})
        </p>
      )}
      {certificate.clock != null && <p className="note-warn">! {said(certificate.clock)}</p>}
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
    </section>
  );
}

function Alarms({ alarms, onSeen }: { alarms: RegionState['alarms']; onSeen: () => void }) {
  const { t } = useTexts();
  const { may } = useSession();
  return (
    <section>
      <h2>{t('region.alarms')}</h2>
      {alarms.length === 0 && <p className="muted">{t('region.noAlarms')}</p>}
      <AlarmList alarms={alarms} may={may('region.manage')} pathOf={(alarm) => `/api/region/alarms/${alarm.code}/seen`} onChanged={onSeen} />
    </section>
  );
}

/** What the hub refused for good: shown only while there is something. */
function Refused({ count, onChanged }: { count: number; onChanged: () => void }) {
  const { t } = useTexts();
  const { may } = useSession();
  const read = useRead<{ dead: (Omit<DeadPart, 'study' | 'title'> & { kind: string })[] }>(count > 0 ? '/api/region/outbox' : null, null, count);
  const dead = (read.data?.dead ?? []).map((one) => ({ ...one, study: 0, title: '' }));
  if (dead.length === 0) return null;
  return (
    <section>
      <h2>{t('box.dead', { n: dead.length })}</h2>
      <DeadLetters
        base="/api/region/outbox"
        dead={dead}
        may={may('region.manage')}
        onChanged={() => {
          read.reload();
          onChanged();
        }}
      />
    </section>
  );
}

export default function RegionPage() {
  const { t, said } = useTexts();
  const { may } = useSession();
  const read = useRead<RegionState>('/api/region', 5_000);
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  const { joined, hub, hospital, certificate, directory, link, alarms, node, notices, people } = read.data;
  return (
    <div className="page list-page">
      <div className="sheet region">
        <h1>{t('region.title')}</h1>
        {!joined && (may('region.manage') ? <Join onJoined={read.reload} /> : <p>{t('region.notJoined')}</p>)}
        {joined && (
          <>
            <dl className="facts">
              <dt>{t('portal.column.hospital')}</dt>
              <dd>{hospital?.name}</dd>
              <dt>{t('region.hub')}</dt>
              <dd>
                {hub?.sync_address} <code>{hub?.id.slice(0, 16)}</code>
              </dd>
              <dt>{t('devices.box')}</dt>
              <dd>
                <code>{node.slice(0, 16)}</code>
              </dd>
            </dl>
            <Line link={link} />
            <BrokerLine notices={notices} />
            {certificate !== null && <Certificate certificate={certificate} onChanged={read.reload} />}
            {directory !== null && (
              <section>
                <h2>{t('directory.title')}</h2>
                {directory.error !== null ? (
                  <p className="note-bad" role="alert">
                    ✕ {said(directory.error)} ({directory.error.code})
                  </p>
                ) : (
                  <p>
                    {t('region.directory', { n: directory.size })} · {t('directory.witnessed', { n: directory.witnessed_by })}
                  </p>
                )}
                <ChangedKeys changes={directory.changed_keys} onChanged={read.reload} />
              </section>
            )}
            <PeopleKeys people={people} onChanged={read.reload} />
          </>
        )}
        <Refused count={link.backlog.dead} onChanged={read.reload} />
        <Alarms alarms={alarms} onSeen={read.reload} />
      </div>
    </div>
  );
}
