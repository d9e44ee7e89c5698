/** Close a request with a coded reason: the room says why there is no new picture, a physician takes it back. */
import { Alert, Button, Input, Modal, Radio } from 'antd';
import { useState } from 'react';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';
import type { Closing } from './types';

interface Props {
  title: string;
  confirm: string;
  closings: readonly Closing[];
  act: (reason: string, note: string) => Promise<unknown>;
  onClose: () => void;
}

export function ClosingDialog({ title, confirm, closings, act, onClose }: Props) {
  const { t, language } = useTexts();
  const failureText = useFailureText();
  const [reason, setReason] = useState('');
  const [note, setNote] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  async function submit(): Promise<void> {
    setBusy(true);
    try {
      await act(reason, note.trim());
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
        data-testid="closing"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Radio.Group
          vertical
          aria-label={t('repeat.why')}
          value={reason}
          onChange={(event) => setReason(event.target.value as string)}
          options={closings.map((one) => ({ value: one.code, label: language === 'zh' ? one.zh : one.en }))}
        />
        <label htmlFor="closing-note">{t('repeat.note')}</label>
        <Input id="closing-note" maxLength={200} value={note} onChange={(event) => setNote(event.target.value)} />
        {failure !== null && <Alert type="error" showIcon title={failure} />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={reason === '' || (reason === 'other' && note.trim() === '')}>
            {confirm}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
