/** Retiring the own key: what follows is said before, in plain words; the gate then makes a new one. */
import { Alert, Button, Checkbox, Modal } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { useDirectory } from './directory';
import { useSealFailureText } from './failure';
import { useOwner } from './owner';
import { useKeys } from './seals';

export function RetireKey() {
  const { t } = useTexts();
  const { api, refresh } = useSession();
  const { seals, setState } = useKeys();
  const { reload } = useDirectory();
  const owner = useOwner();
  const failureText = useSealFailureText();
  const [asking, setAsking] = useState(false);
  const [understood, setUnderstood] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function retire(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      await api.send('DELETE', '/api/me/key');
      await seals.forget(owner.person);
      await refresh();
      reload();
      setState('none'); // the gate stands in front now and makes the new key
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <>
      <Button danger onClick={() => setAsking(true)} data-testid="retire-key">
        {t('keys.retire')}
      </Button>
      <Modal open={asking} onCancel={() => setAsking(false)} title={t('keys.retireTitle')} footer={null} width={520}>
        <div className="form" data-testid="retire-dialog">
          <ul className="plain-list">
            <li>{t('keys.retireSign')}</li>
            <li>{t('keys.retireOld')}</li>
            <li>{t('keys.retireShown')}</li>
            <li>{t('keys.retireForGood')}</li>
          </ul>
          <Checkbox checked={understood} onChange={(event) => setUnderstood(event.target.checked)} data-testid="retire-understood">
            {t('keys.retireUnderstood')}
          </Checkbox>
          {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
          <div className="form-end">
            <Button onClick={() => setAsking(false)}>{t('action.cancel')}</Button>
            <Button danger type="primary" loading={busy} disabled={!understood} onClick={() => void retire()} data-testid="retire-now">
              {t('keys.retireNow')}
            </Button>
          </div>
        </div>
      </Modal>
    </>
  );
}
