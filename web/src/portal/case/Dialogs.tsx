import { Alert, Button, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { REASONS } from '../../consult/types';
import { useTexts } from '../../i18n';
import { useSealFailureText } from '../failure';
import type { CaseRead } from './useCase';

interface Props {
  read: CaseRead;
  onClose: () => void;
}

/** More information, please: the ball goes back to the county, and the clock says so. */
export function AskDialog({ read, onClose }: Props) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function send(): Promise<void> {
    setBusy(true);
    try {
      await read.post('information.asked', {}, { text: text.trim() });
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} title={t('case.ask')} footer={null} width={480}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p>{t('ask.explain')}</p>
        <label htmlFor="ask-text">{t('ask.what')}</label>
        <Input.TextArea id="ask-text" rows={4} maxLength={20_000} autoFocus value={text} onChange={(event) => setText(event.target.value)} />
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={text.trim() === ''} data-testid="send-ask">
            {t('ask.send')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

export function DeclineDialog({ read, onClose }: Props) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const [reason, setReason] = useState<(typeof REASONS)[number] | null>(null);
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function send(): Promise<void> {
    if (reason === null) return;
    setBusy(true);
    try {
      await read.post('rejected', { reason }, text.trim() === '' ? null : { text: text.trim() });
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} title={t('case.decline')} footer={null} width={480}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p>{t('decline.explain')}</p>
        <label htmlFor="decline-reason">{t('decline.reason')}</label>
        <Select id="decline-reason" value={reason} options={REASONS.map((value) => ({ value, label: t(`reason.${value}`) }))} onChange={(value) => setReason(value)} />
        <label htmlFor="decline-text">{t('decline.words')}</label>
        <Input.TextArea id="decline-text" rows={3} maxLength={20_000} value={text} onChange={(event) => setText(event.target.value)} />
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={reason === null}>
            {t('case.decline')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
