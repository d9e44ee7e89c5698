/** Keys before cases: made once in this browser, opened with the passphrase on every computer. */
import { Alert, Button, Checkbox, Input } from 'antd';
import { useState, type ReactNode } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { Failure, Loading } from '../ui/states';
import { useRead } from '../ui/useRead';
import { useDirectory } from './directory';
import { useSealFailureText } from './failure';
import { useKeys } from './seals';
import { acceptable, SHORTEST, strengthOf } from './strength';
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

function Meter({ passphrase, personal }: { passphrase: string; personal: readonly string[] }) {
  const { t } = useTexts();
  const strength = strengthOf(passphrase, personal);
  const steps = { too_short: 0, weak: 1, fair: 2, strong: 3 }[strength];
  return (
    <p className={`meter meter-${strength}`} role="status" data-testid="strength">
      <svg viewBox="0 0 120 6" aria-hidden="true">
        {[0, 1, 2].map((at) => (
          <rect key={at} x={at * 41} y="0" width="38" height="6" rx="1" className={at < steps ? 'on' : 'off'} />
        ))}
      </svg>
      {passphrase === '' ? t('keys.passphraseHint', { n: SHORTEST }) : t(`keys.strength.${strength}`, { n: SHORTEST })}
    </p>
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

function useOwner() {
  const { me } = useSession();
  const { view } = useDirectory();
  const hospital = me?.hospital ?? '';
  const { name, recovery_public } = view?.hospitals[hospital] ?? { name: '', recovery_public: '' };
  return { person: me?.id ?? '', hospital, user: me?.user ?? '', name: me?.name ?? '', hospitalName: name, recovery: recovery_public };
}

function MakeKeys() {
  const { t } = useTexts();
  const { api, refresh } = useSession();
  const { seals, setState } = useKeys();
  const { reload } = useDirectory();
  const failureText = useSealFailureText();
  const [passphrase, setPassphrase] = useState('');
  const [again, setAgain] = useState('');
  const [understood, setUnderstood] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const owner = useOwner();
  const personal = [owner.user, owner.name];
  const ready = acceptable(passphrase, personal) && again === passphrase && understood && owner.recovery !== '';

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
        <label htmlFor="keys-passphrase">{t('keys.passphrase')}</label>
        <Input.Password id="keys-passphrase" autoComplete="new-password" autoFocus value={passphrase} onChange={(event) => setPassphrase(event.target.value)} aria-describedby="keys-meter" />
        <div id="keys-meter">
          <Meter passphrase={passphrase} personal={personal} />
        </div>
        <label htmlFor="keys-again">{t('keys.passphraseAgain')}</label>
        <Input.Password id="keys-again" autoComplete="new-password" value={again} onChange={(event) => setAgain(event.target.value)} />
        {again !== '' && again !== passphrase && <p className="warn-text">{t('account.passwordDiffers')}</p>}
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
  const { wrapped } = stored.data;

  async function open(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      await seals.unlock(wrapped, passphrase);
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
        <p className="muted">{t('keys.forgotten')}</p>
      </form>
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
