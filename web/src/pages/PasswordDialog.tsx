import { Alert, Button, Input, Modal } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';

export const MIN_PASSWORD = 10;

/** Change the own password; `onClose` null: there is no way around it. */
export function PasswordDialog({ onClose }: { onClose: (() => void) | null }) {
  const { t } = useTexts();
  const { api, refresh } = useSession();
  const failureText = useFailureText();
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const [done, setDone] = useState(false);
  const hint = next !== '' && next.length < MIN_PASSWORD ? t('account.passwordShort', { n: MIN_PASSWORD }) : again !== '' && again !== next ? t('account.passwordDiffers') : null;

  async function submit(): Promise<void> {
    try {
      await api.send('POST', '/api/me/password', { old, new: next });
      setDone(true);
      if (onClose === null) await refresh();
    } catch (error) {
      setFailure(failureText(error));
    }
  }

  return (
    <Modal open closable={onClose !== null} onCancel={() => onClose?.()} footer={null} title={t('account.changePassword')} width={400}>
      {done ? (
        <Alert type="success" showIcon title={t('account.passwordChanged')} />
      ) : (
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          {onClose === null && <Alert type="info" showIcon title={t('account.mustChange')} />}
          <label htmlFor="pw-old">{t('account.oldPassword')}</label>
          <Input.Password id="pw-old" autoComplete="current-password" value={old} onChange={(event) => setOld(event.target.value)} />
          <label htmlFor="pw-new">{t('account.newPassword')}</label>
          <Input.Password id="pw-new" autoComplete="new-password" value={next} onChange={(event) => setNext(event.target.value)} />
          <label htmlFor="pw-again">{t('account.newPasswordAgain')}</label>
          <Input.Password id="pw-again" autoComplete="new-password" value={again} onChange={(event) => setAgain(event.target.value)} />
          {hint !== null && <p className="warn-text">{hint}</p>}
          {failure !== null && <Alert type="error" showIcon title={failure} />}
          <Button type="primary" htmlType="submit" disabled={old === '' || next.length < MIN_PASSWORD || next !== again} block>
            {t('action.save')}
          </Button>
        </form>
      )}
    </Modal>
  );
}
