/** The own keys: their fingerprint and who vouches for them, the passphrase, a second computer, recovery, a new key. */
import { Alert, Button, Input } from 'antd';
import { useEffect, useState } from 'react';
import { useSession } from '../../app/session';
import { useTexts } from '../../i18n';
import { spoken } from '../../seals/text';
import { instant } from '../../ui/format';
import { Failure, Loading } from '../../ui/states';
import { useRead } from '../../ui/useRead';
import { useDirectory } from '../directory';
import { useSealFailureText } from '../failure';
import { useOwner } from '../owner';
import { NewPassphrase } from '../Passphrase';
import { LoadRecovered, RecoveryFile } from '../Recover';
import { RetireKey } from '../RetireKey';
import { useKeys } from '../seals';
import type { StoredKey } from '../types';
import { Vouched } from '../Vouched';

/** The key that is open in the worker: the hub's word for which key is mine is not taken. */
function useOpenKey(): string | null {
  const { seals, state } = useKeys();
  const [key, setKey] = useState<string | null>(null);
  useEffect(() => {
    let left = false;
    void seals.whoAmI().then((mine) => !left && setKey(mine?.key ?? null));
    return () => {
      left = true;
    };
  }, [seals, state]);
  return key;
}

function Mine({ stored }: { stored: StoredKey }) {
  const { t } = useTexts();
  const mine = useOpenKey();
  const { person, changedAt } = useDirectory();
  const owner = useOwner();
  const shown = person(owner.person);
  const changed = changedAt(owner.person);
  if (mine === null) return null;
  // What the hub keeps for me and shows of me to everybody else must be the key that is here.
  const differs = stored.id !== mine || (shown !== null && shown.key !== mine);
  return (
    <section>
      <h2>{t('keys.mine')}</h2>
      <p>
        <code className="print" data-testid="own-print">
          {spoken(mine)}
        </code>
      </p>
      <p className="muted">{t('keys.madeAt', { at: instant(stored.created_at) })}</p>
      {differs && <Alert type="error" showIcon role="alert" title={t('keys.otherShown')} />}
      {changed !== '' && <p className="note-warn">! {t('keys.changedHere', { at: instant(changed) })}</p>}
      {shown !== null && !differs && (
        <p data-testid="own-vouched">
          <Vouched of={shown} />
        </p>
      )}
      {shown?.attested === '' && <p>{t(owner.hasBox ? 'keys.howVouched' : 'keys.cannotVouch', { name: owner.hospitalName })}</p>}
    </section>
  );
}

function ChangePassphrase({ stored, onDone }: { stored: StoredKey; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const { seals } = useKeys();
  const owner = useOwner();
  const failureText = useSealFailureText();
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  // Emptied by being made anew.
  const [round, setRound] = useState(0);
  async function change(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      const wrapped = await seals.changePassphrase(stored.wrapped, old, fresh);
      await api.send('PUT', '/api/me/key', { wrapped });
      setRound(round + 1);
      setFresh('');
      onDone();
    } catch (error) {
      setFailure(failureText(error));
    }
    setOld('');
    setBusy(false);
  }
  return (
    <section>
      <h2>{t('keys.changeTitle')}</h2>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void change();
        }}
      >
        <p className="muted">{t('keys.changeWhat')}</p>
        <input type="text" name="username" autoComplete="username" value={owner.user} readOnly hidden />
        <label htmlFor="keys-old">{t('keys.old')}</label>
        <Input.Password id="keys-old" autoComplete="current-password" value={old} onChange={(event) => setOld(event.target.value)} />
        <NewPassphrase key={round} personal={[owner.user, owner.name]} onChange={setFresh} label={t('keys.fresh')} />
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        {round > 0 && failure === null && <Alert type="success" showIcon title={t('keys.changed')} data-testid="passphrase-changed" />}
        <Button type="primary" htmlType="submit" loading={busy} disabled={old === '' || fresh === ''} data-testid="change-passphrase">
          {busy ? t('keys.making') : t('keys.change')}
        </Button>
      </form>
    </section>
  );
}

function Leave() {
  const { t } = useTexts();
  const { seals, setState } = useKeys();
  const owner = useOwner();
  return (
    <section>
      <h2>{t('keys.leaveTitle')}</h2>
      <p>{t('keys.leaveWhat')}</p>
      <Button onClick={() => void seals.forget(owner.person).then(() => setState('locked'))} data-testid="forget-here">
        {t('keys.leave')}
      </Button>
    </section>
  );
}

export default function AccountPage() {
  const { t } = useTexts();
  const stored = useRead<StoredKey>('/api/me/key');
  if (stored.data === null) return stored.error === null ? <Loading label={t('keys.reading')} /> : <Failure error={stored.error} onRetry={stored.reload} />;
  return (
    <div className="page list-page">
      <div className="sheet account">
        <h1>{t('keys.title')}</h1>
        <div className="account-columns">
          <div>
            <Mine stored={stored.data} />
            <section>
              <h2>{t('recover.title')}</h2>
              <RecoveryFile stored={stored.data} />
              <details>
                <summary>{t('recover.back')}</summary>
                <LoadRecovered stored={stored.data} onDone={stored.reload} />
              </details>
            </section>
          </div>
          <div>
            <ChangePassphrase stored={stored.data} onDone={stored.reload} />
            <Leave />
            <section>
              <h2>{t('keys.retireTitle')}</h2>
              <p>{t('keys.retireWhen')}</p>
              <RetireKey />
            </section>
          </div>
        </div>
      </div>
    </div>
  );
}
