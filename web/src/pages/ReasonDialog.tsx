import { Alert, Button, Input, Modal } from 'antd';
import { useState } from 'react';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';

interface Props {
  title: string;
  explain: string;
  confirm: string;
  act: (reason: string) => Promise<unknown>;
  onClose: () => void;
}

/** A decision that is recorded together with its reason. */
export function ReasonDialog({ title, explain, confirm, act, onClose }: Props) {
  const { t } = useTexts();
  const failureText = useFailureText();
  const [reason, setReason] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  async function submit(): Promise<void> {
    setBusy(true);
    try {
      await act(reason.trim());
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} title={title} footer={null} width={460}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p>{explain}</p>
        <label htmlFor="reason">{t('override.reason')}</label>
        <Input.TextArea id="reason" rows={3} maxLength={500} autoFocus value={reason} onChange={(event) => setReason(event.target.value)} />
        {failure !== null && <Alert type="error" showIcon title={failure} />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={reason.trim() === ''}>
            {confirm}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
