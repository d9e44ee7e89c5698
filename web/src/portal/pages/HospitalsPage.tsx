/** Hospitals and the one-time codes by which their boxes join. */
import { Alert, Button, Input, Modal, QRCode, Select } from 'antd';
import { useState } from 'react';
import { useSession } from '../../app/session';
import { useTexts } from '../../i18n';
import { PlainChip } from '../../ui/chips';
import { Failure, Loading, useFailureText } from '../../ui/states';
import { useRead } from '../../ui/useRead';
import type { Hospital, Invite } from '../types';
import { when } from './when';

const LIVES = [
  { value: 1 / 6, key: 'invite.minutes10' },
  { value: 1, key: 'invite.hour' },
  { value: 24, key: 'invite.day' },
  { value: 168, key: 'invite.week' },
] as const;

function InviteDialog({ hospital, onClose, onDone }: { hospital: Hospital; onClose: () => void; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [hours, setHours] = useState<number>(24);
  const [made, setMade] = useState<Invite | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  async function make(): Promise<void> {
    setBusy(true);
    try {
      setMade(await api.send<Invite>('POST', '/api/admin/invites', { hospital: hospital.id, hours }));
      onDone();
    } catch (error) {
      setFailure(failureText(error));
    }
    setBusy(false);
  }
  return (
    <Modal open onCancel={onClose} footer={null} title={t('invite.title', { name: hospital.name })} width={460} mask={{ closable: false }}>
      {made === null ? (
        <div className="form">
          <p>{t('invite.explain')}</p>
          <label htmlFor="invite-life">{t('invite.life')}</label>
          <Select id="invite-life" value={hours} options={LIVES.map(({ value, key }) => ({ value, label: t(key) }))} onChange={(value) => setHours(value)} />
          {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
          <div className="form-end">
            <Button onClick={onClose}>{t('action.cancel')}</Button>
            <Button type="primary" loading={busy} onClick={() => void make()}>
              {t('invite.make')}
            </Button>
          </div>
        </div>
      ) : (
        <div className="form invite-sheet">
          <div className="qr">
            <QRCode type="svg" value={made.picture_text ?? made.code ?? ''} size={200} color="#000" bgColor="#fff" bordered={false} />
          </div>
          <code className="invite-code" data-testid="invite-code">
            {made.code}
          </code>
          <p>
            {made.hub !== undefined && <>{t('invite.hub', { hub: made.hub })} · </>}
            {t('invite.until', { at: when(made.expires_at) })}
          </p>
          <p className="note-warn">! {t('invite.once')}</p>
          <div className="form-end">
            <Button onClick={() => window.print()}>{t('invite.print')}</Button>
            <Button type="primary" onClick={onClose}>
              {t('invite.done')}
            </Button>
          </div>
        </div>
      )}
    </Modal>
  );
}

const TONE = { open: 'busy', used: 'good', withdrawn: 'quiet', expired: 'quiet' } as const;

export default function HospitalsPage() {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const read = useRead<{ rows: Hospital[] }>('/api/admin/hospitals');
  const invites = useRead<{ rows: Invite[] }>('/api/admin/invites');
  const [name, setName] = useState('');
  const [inviting, setInviting] = useState<Hospital | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  async function act(work: () => Promise<unknown>): Promise<void> {
    setFailure(null);
    try {
      await work();
      read.reload();
      invites.reload();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  return (
    <div className="page list-page">
      <div className="sheet">
        <h1>{t('portal.nav.hospitals')}</h1>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <form
            className="one-line"
            onSubmit={(event) => {
              event.preventDefault();
              void act(() => api.send('POST', '/api/admin/hospitals', { name: name.trim() }).then(() => setName('')));
            }}
          >
            <Input aria-label={t('hospitals.name')} placeholder={t('hospitals.name')} maxLength={80} value={name} onChange={(event) => setName(event.target.value)} />
            <Button htmlType="submit" disabled={name.trim() === ''}>
              {t('hospitals.add')}
            </Button>
          </form>
        <table className="grid roomy" aria-label={t('portal.nav.hospitals')}>
          <thead>
            <tr>
              <th scope="col">{t('hospitals.name')}</th>
              <th scope="col">{t('hospitals.boxes')}</th>
              <th scope="col">{t('hospitals.recovery')}</th>
              <th scope="col">{t('column.action')}</th>
            </tr>
          </thead>
          <tbody>
            {read.data.rows.map((one) => (
              <tr key={one.id}>
                <td>
                  <b>{one.name}</b>
                </td>
                <td className="num">{one.boxes}</td>
                <td>{one.recovery ? <PlainChip tone="good" glyph="✓" label={t('hospitals.hasRecovery')} /> : <PlainChip tone="warn" glyph="!" label={t('hospitals.noRecovery')} />}</td>
                <td>
                  <Button size="small" onClick={() => setInviting(one)}>
                    {t('invite.button')}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <h2>{t('invite.list')}</h2>
        {invites.data !== null && invites.data.rows.length === 0 && <p className="muted">{t('invite.none')}</p>}
        <ul className="plain-list">
          {(invites.data?.rows ?? []).map((one) => (
            <li key={one.id}>
              <PlainChip tone={TONE[one.state]} glyph="·" label={t(`invite.state.${one.state}`)} /> {one.hospital_name} · {t('invite.until', { at: when(one.expires_at) })}{' '}
              {one.state === 'open' && (
                <Button size="small" type="text" onClick={() => void act(() => api.send('POST', `/api/admin/invites/${encodeURIComponent(one.id)}/withdraw`))}>
                  {t('invite.withdraw')}
                </Button>
              )}
            </li>
          ))}
        </ul>
      </div>
      {inviting !== null && <InviteDialog hospital={inviting} onClose={() => setInviting(null)} onDone={invites.reload} />}
    </div>
  );
}
