/** Keys before cases: made once in this browser, opened with the passphrase on every computer. */
import { Alert, Button, Checkbox, Input } from 'antd';
import { useState, type ReactNode } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { Failure, Loading } from '../ui/states';
import { useRead } from '../ui/useRead';
import { useDirectory } from './directory';
import { useSealFailureText } from './failure';
import { useOwner } from './owner';
import { NewPassphrase } from './Passphrase';
import { LoadRecovered, RecoveryFile } from './Recover';
import { RetireKey } from './RetireKey';
import { useKeys } from './seals';
import type { StoredKey } from './types';

function Gate({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="gate">
      <section className="gate-sheet">
        <h1>{title}</h1>
        {children}
      </section>
    </div>
  );
}

/** What happens when the passphrase is forgotten: stated before the keys exist. */
function Recovery({ name, recovery }: { name: string; recovery: string }) {
  const { t } = useTexts();
  return (
    <div className="gate-note">
      <b>{t('keys.recoveryTitle')}</b>
      <p>{recovery === '' ? t('keys.recoveryNone') : t('keys.recoveryHospital', { name })}</p>
    </div>
  );
}

function MakeKeys() {
  const { t } = useTexts();
  const { api, refresh } = useSession();
  const { seals, setState } = useKeys();
  const { reload } = useDirectory();
  const failureText = useSealFailureText();
  const [passphrase, setPassphrase] = useState('');
  const [understood, setUnderstood] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const owner = useOwner();
  const personal = [owner.user, owner.name];
  const ready = passphrase !== '' && understood && owner.recovery !== '';

  async function make(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      const key = await seals.createKeys({ person: owner.person, hospital: owner.hospital }, passphrase, owner.recovery);
      await api.send('POST', '/api/me/key', key);
      setState('open');
      await refresh();
      reload();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }

  return (
    <Gate title={t('keys.makeTitle')}>
      <p>{t('keys.makeWhy')}</p>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <input type="text" name="username" autoComplete="username" value={owner.user} readOnly hidden />
        <NewPassphrase personal={personal} onChange={setPassphrase} autoFocus />
        <Recovery name={owner.hospitalName} recovery={owner.recovery} />
        <Checkbox checked={understood} onChange={(event) => setUnderstood(event.target.checked)} data-testid="understood">
          {t('keys.understood')}
        </Checkbox>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <Button type="primary" htmlType="submit" loading={busy} disabled={!ready} block data-testid="make-keys">
          {busy ? t('keys.making') : t('keys.make')}
        </Button>
      </form>
    </Gate>
  );
}

function UnlockKeys() {
  const { t } = useTexts();
  const { me } = useSession();
  const { seals, setState } = useKeys();
  const failureText = useSealFailureText();
  const stored = useRead<StoredKey>('/api/me/key');
  const [passphrase, setPassphrase] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  if (stored.data === null) return stored.error === null ? <Loading label={t('keys.reading')} /> : <Failure error={stored.error} onRetry={stored.reload} />;
  const kept = stored.data;

  async function open(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      await seals.unlock(kept.wrapped, passphrase);
      setState('open');
    } catch (error) {
      setFailure(failureText(error));
      setPassphrase('');
      setBusy(false);
    }
  }

  return (
    <Gate title={t('keys.unlockTitle')}>
      <p>{t('keys.unlockWhy')}</p>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void open();
        }}
      >
        <input type="text" name="username" autoComplete="username" value={me?.user ?? ''} readOnly hidden />
        <label htmlFor="keys-passphrase">{t('keys.passphrase')}</label>
        <Input.Password id="keys-passphrase" autoComplete="current-password" autoFocus value={passphrase} onChange={(event) => setPassphrase(event.target.value)} />
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <Button type="primary" htmlType="submit" loading={busy} disabled={passphrase === ''} block>
          {busy ? t('keys.opening') : t('keys.unlock')}
        </Button>
      </form>
      <details className="forgotten" data-testid="forgotten">
        <summary>{t('recover.forgotten')}</summary>
        <RecoveryFile stored={kept} />
        <LoadRecovered stored={kept} onDone={stored.reload} />
        <p className="muted">{t('recover.orNew')}</p>
        <RetireKey />
      </details>
    </Gate>
  );
}

export function KeyGate() {
  const { t } = useTexts();
  const { state } = useKeys();
  const { view, alarm, failure, reload } = useDirectory();
  if (state === 'unknown') return <Loading label={t('keys.reading')} />;
  if (alarm !== null) return null; // the alarm above says why nothing is offered
  if (view === null && failure !== null) return <Failure error={failure} onRetry={reload} />;
  // Without the directory it is not known whether the hospital has a recovery key.
  if (state === 'none') return view === null ? <Loading label={t('directory.reading')} /> : <MakeKeys />;
  return <UnlockKeys />;
}
