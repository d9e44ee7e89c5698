import { Alert, Button, Input, Modal } from 'antd';
import { useState, type ReactNode } from 'react';
import { ServerRefused } from '../api/client';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';

const OTP_NEEDED = 'E6002';
const OTP_WRONG = 'E6014';

function LoginForm() {
  const { t } = useTexts();
  const { login, me } = useSession();
  const failureText = useFailureText();
  const [user, setUser] = useState(me?.user ?? '');
  const [password, setPassword] = useState('');
  const [otp, setOtp] = useState<string | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      await login(user.trim(), password, otp);
    } catch (error) {
      const code = error instanceof ServerRefused ? error.said.code : '';
      if (code === OTP_NEEDED && otp === null) setOtp('');
      else {
        setFailure(failureText(error));
        if (code === OTP_WRONG) setOtp('');
      }
      setBusy(false);
    }
  }

  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <label htmlFor="login-user">{t('login.user')}</label>
      <Input id="login-user" autoComplete="username" autoFocus value={user} onChange={(event) => setUser(event.target.value)} readOnly={otp !== null} />
      <label htmlFor="login-password">{t('login.password')}</label>
      <Input.Password id="login-password" autoComplete="current-password" value={password} onChange={(event) => setPassword(event.target.value)} readOnly={otp !== null} />
      {otp !== null && (
        <>
          <label htmlFor="login-otp">{t('login.otp')}</label>
          <Input id="login-otp" inputMode="numeric" autoComplete="one-time-code" autoFocus maxLength={8} value={otp} onChange={(event) => setOtp(event.target.value)} aria-describedby="login-otp-hint" />
          <p id="login-otp-hint" className="muted">
            {t('login.otpHint')}
          </p>
        </>
      )}
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <Button type="primary" htmlType="submit" loading={busy} disabled={user.trim() === '' || password === '' || otp === ''} block>
        {otp === null ? t('login.submit') : t('login.confirm')}
      </Button>
      {otp !== null && (
        <Button type="text" onClick={() => setOtp(null)}>
          {t('action.back')}
        </Button>
      )}
    </form>
  );
}

export function LoginPage({ subtitle, more }: { subtitle?: string; more?: ReactNode }) {
  const { t, language } = useTexts();
  const { setLanguage } = useSession();
  const other = language === 'zh' ? 'en' : 'zh';
  return (
    <div className="login">
      <div className="login-side" aria-hidden="true">
        <img src="/icon.svg" alt="" width="72" height="72" />
        <p className="login-name">杏林</p>
        <p>{subtitle ?? t('app.subtitle')}</p>
      </div>
      <div className="login-box">
        <div className="login-head">
          <h1>{t('login.title')}</h1>
          <button type="button" className="link-button" lang={other === 'zh' ? 'zh-CN' : 'en'} onClick={() => setLanguage(other)} data-testid="language">
            {other === 'zh' ? '中文' : 'English'}
          </button>
        </div>
        <LoginForm />
        {more}
        <p className="muted">{t('app.researchOnlyLong')}</p>
      </div>
    </div>
  );
}

/** The session ended: the page stays behind, nothing that was typed is lost. */
export function LoginDialog() {
  const { t } = useTexts();
  return (
    <Modal open closable={false} footer={null} title={t('login.expired')} width={380}>
      <LoginForm />
    </Modal>
  );
}
