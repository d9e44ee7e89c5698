import { Alert, Button, Input, Modal, QRCode } from 'antd';
import { useEffect, useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { Loading, useFailureText } from '../ui/states';

interface Offer {
  secret: string;
  uri: string;
  /** A factor is in force already: a code of it is asked for too. */
  replaces?: boolean;
}

/** A second factor: the secret is drawn here, in the browser, and is in force once a code has shown that it arrived. */
export function OtpDialog({ onClose, onDone }: { onClose: (() => void) | null; onDone?: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [offer, setOffer] = useState<Offer | null>(null);
  const [otp, setOtp] = useState('');
  const [current, setCurrent] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const [done, setDone] = useState(false);

  useEffect(() => {
    let left = false;
    api.send<Offer>('POST', '/api/me/otp').then(
      (answer) => !left && setOffer(answer),
      (error: unknown) => !left && setFailure(failureText(error)),
    );
    return () => {
      left = true;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- one offer for one opening, whatever the language becomes
  }, [api]);

  async function submit(secret: string): Promise<void> {
    try {
      await api.send('PUT', '/api/me/otp', { secret, otp: otp.trim(), ...(offer?.replaces === true ? { current: current.trim() } : {}) });
      setDone(true);
      onDone?.();
    } catch (error) {
      setFailure(failureText(error));
      setOtp('');
      setCurrent('');
    }
  }

  return (
    <Modal open onCancel={onClose ?? undefined} closable={onClose !== null} footer={null} title={t('account.otp')} width={400}>
      {done && <Alert type="success" showIcon title={t('account.otpDone')} />}
      {!done && offer === null && failure === null && <Loading label={t('state.loadingPage')} />}
      {!done && failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      {!done && offer !== null && (
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            void submit(offer.secret);
          }}
        >
          <p>{t('account.otpWhat')}</p>
          <div className="qr">
            <QRCode type="svg" value={offer.uri} size={184} color="#000" bgColor="#fff" bordered={false} />
          </div>
          <p className="muted">
            {t('account.otpSecret')}
            <br />
            <code className="wrap" data-testid="otp-secret">
              {offer.secret}
            </code>
          </p>
          {offer.replaces === true && (
            <>
              <label htmlFor="otp-current">{t('account.otpCurrent')}</label>
              <Input id="otp-current" inputMode="numeric" autoComplete="one-time-code" maxLength={8} value={current} onChange={(event) => setCurrent(event.target.value)} />
            </>
          )}
          <label htmlFor="otp-code">{t(offer.replaces === true ? 'account.otpNew' : 'login.otp')}</label>
          <Input id="otp-code" inputMode="numeric" autoComplete="one-time-code" maxLength={8} value={otp} onChange={(event) => setOtp(event.target.value)} />
          <Button type="primary" htmlType="submit" disabled={otp.trim().length < 6 || (offer.replaces === true && current.trim().length < 6)} block>
            {t('action.save')}
          </Button>
        </form>
      )}
    </Modal>
  );
}
