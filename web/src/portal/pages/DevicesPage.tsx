/** The region's boxes: when seen, certificate, and the two clicks that matter: revoke, agree to a late renewal. */
import { Alert, Button, Modal } from 'antd';
import { useState } from 'react';
import { useSession } from '../../app/session';
import { useTexts } from '../../i18n';
import { PlainChip } from '../../ui/chips';
import { Failure, Loading, Notice, useFailureText } from '../../ui/states';
import { useRead } from '../../ui/useRead';
import type { Device, Renewal } from '../types';
import { millis, when } from './when';

const SILENT_MS = 5 * 60_000;
const SKEW_MS = 120_000;

function Marks({ device, now }: { device: Device; now: number }) {
  const { t } = useTexts();
  const seen = millis(device.seen_at);
  const ends = millis(device.not_after);
  if (device.revoked_at !== null) return <PlainChip tone="bad" glyph="✕" label={t('devices.revokedAt', { at: when(device.revoked_at) })} />;
  return (
    <>
      {seen !== null && now - seen < SILENT_MS ? <PlainChip tone="good" glyph="●" label={t('devices.connected')} /> : <PlainChip tone="warn" glyph="○" label={t('devices.silent')} />}
      {ends !== null && ends < now && <PlainChip tone="bad" glyph="!" label={t('devices.expired')} />}
      {device.clock_skew_ms !== null && Math.abs(device.clock_skew_ms) > SKEW_MS && <PlainChip tone="warn" glyph="◷" label={t('devices.skew', { n: Math.round(device.clock_skew_ms / 1000) })} />}
    </>
  );
}

export default function DevicesPage() {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const read = useRead<{ rows: Device[] }>('/api/admin/devices', 15_000);
  const renewals = useRead<{ rows: Renewal[] }>('/api/admin/renewals', 15_000);
  const [revoking, setRevoking] = useState<Device | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [now] = useState(() => Date.now());
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  const waiting = (renewals.data?.rows ?? []).filter((one) => one.approved_at === null);
  async function act(path: string): Promise<void> {
    setFailure(null);
    setRevoking(null);
    try {
      await api.send('POST', path);
      read.reload();
      renewals.reload();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  return (
    <div className="page list-page">
      <div className="sheet">
        <h1>{t('portal.nav.devices')}</h1>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        {waiting.map((one) => (
          <div key={one.node} className="note-warn renewal" data-testid="renewal">
            <p>
              <b>{one.hospital_name}</b> · <code>{one.node.slice(0, 16)}</code> · {t('renewals.asked', { at: when(one.asked_at) })}
            </p>
            <p>{t('renewals.explain')}</p>
            <Button size="small" type="primary" onClick={() => void act(`/api/admin/renewals/${encodeURIComponent(one.node)}/approve`)}>
              {t('renewals.approve')}
            </Button>
          </div>
        ))}
        {read.data.rows.length === 0 && <Notice tone="info" title={t('devices.none')} />}
        {read.data.rows.length > 0 && (
          <table className="grid roomy" aria-label={t('portal.nav.devices')}>
            <thead>
              <tr>
                <th scope="col">{t('portal.column.hospital')}</th>
                <th scope="col">{t('devices.box')}</th>
                <th scope="col">{t('column.state')}</th>
                <th scope="col">{t('devices.seen')}</th>
                <th scope="col">{t('devices.certificate')}</th>
                <th scope="col">{t('devices.software')}</th>
                <th scope="col">{t('column.action')}</th>
              </tr>
            </thead>
            <tbody>
              {read.data.rows.map((one) => (
                <tr key={one.id} data-node={one.id}>
                  <td>{one.hospital_name}</td>
                  <td>
                    {one.name} <code>{one.id.slice(0, 16)}</code>
                  </td>
                  <td>
                    <Marks device={one} now={now} />
                  </td>
                  <td className="num">{when(one.seen_at)}</td>
                  <td className="num">{when(one.not_after)}</td>
                  <td>{one.software}</td>
                  <td>
                    {one.revoked_at === null && (
                      <Button size="small" danger onClick={() => setRevoking(one)}>
                        {t('devices.revoke')}
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
      {revoking !== null && (
        <Modal
          open
          title={t('devices.revokeTitle', { name: `${revoking.hospital_name} ${revoking.id.slice(0, 16)}` })}
          onCancel={() => setRevoking(null)}
          onOk={() => void act(`/api/admin/devices/${encodeURIComponent(revoking.id)}/revoke`)}
          okText={t('devices.revoke')}
          cancelText={t('action.cancel')}
          okButtonProps={{ danger: true }}
        >
          <p>{t('devices.revokeExplain')}</p>
        </Modal>
      )}
    </div>
  );
}
