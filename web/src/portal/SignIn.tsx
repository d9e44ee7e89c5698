/** What the hub's sign-in has beside the form: an identity provider, and the second factor it did not ask for. */
import { Alert, Button, Input, Modal } from 'antd';
import { useState } from 'react';
import { usePlace } from '../app/router';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { ServedBy, statedServer } from './ServedBy';

export function ProviderLink() {
  const { t } = useTexts();
  const { search } = usePlace();
  const about = useRead<{ oidc: boolean; region: string }>('/api/about');
  const refused = new URLSearchParams(search).get('refused');
  return (
    <>
      {refused !== null && <Alert type="error" showIcon title={t('signin.refused', { code: refused.slice(0, 8) })} role="alert" />}
      {/* The provider sends the browser back to the hub's own page: a box does not offer it. */}
      {about.data?.oidc === true && statedServer()?.by !== 'box' && (
        <a className="provider-link" href="/api/oidc/login">
          {t('signin.provider')}
        </a>
      )}
      <ServedBy />
    </>
  );
}

export function ShowOtp() {
  const { t } = useTexts();
  const { api, refresh } = useSession();
  const failureText = useFailureText();
  const [otp, setOtp] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  async function submit(): Promise<void> {
    try {
      await api.send('POST', '/api/login/otp', { otp: otp.trim() });
      await refresh();
    } catch (error) {
      setFailure(failureText(error));
      setOtp('');
    }
  }
  return (
    <Modal open closable={false} footer={null} title={t('login.otp')} width={380}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p>{t('login.otpHint')}</p>
        <Input aria-label={t('login.otp')} inputMode="numeric" autoComplete="one-time-code" autoFocus maxLength={8} value={otp} onChange={(event) => setOtp(event.target.value)} />
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <Button type="primary" htmlType="submit" disabled={otp.trim().length < 6} block>
          {t('login.confirm')}
        </Button>
      </form>
    </Modal>
  );
}
