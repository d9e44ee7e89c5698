/** On the study page: what the modality room was asked for, and the button that asks. Nothing here keeps anybody from reading. */
import { Alert, Button, Checkbox, Input, Modal, Radio } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';
import { ClosingDialog } from './ClosingDialog';
import { codesOf, isOpen } from './quality';
import { RequestState } from './QualityLine';
import type { Quality, RepeatRequest } from './types';
import './quality.css';

interface AskProps {
  study: string;
  quality: Quality;
  onClose: () => void;
  onDone: () => void;
}

export function AskDialog({ study, quality, onClose, onDone }: AskProps) {
  const { t, language } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const all = codesOf(quality);
  const [ask, setAsk] = useState<'repeat' | 'resend'>('repeat');
  const [codes, setCodes] = useState<string[]>(all);
  const [note, setNote] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const words = (code: string) => {
    const found = quality.reasons.find((one) => one.code === code);
    return (language === 'zh' ? found?.message_zh : found?.message_en) ?? code;
  };
  async function submit(): Promise<void> {
    setBusy(true);
    try {
      await api.send('POST', `/api/studies/${encodeURIComponent(study)}/repeat`, { ask, codes, note: note.trim() });
      onDone();
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} title={t('repeat.button')} footer={null} width={520}>
      <form
        className="form"
        data-testid="ask-repeat-form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p>{t('repeat.explain')}</p>
        <Radio.Group
          vertical
          aria-label={t('repeat.button')}
          value={ask}
          onChange={(event) => setAsk(event.target.value as 'repeat' | 'resend')}
          options={(['repeat', 'resend'] as const).map((value) => ({ value, label: t(`repeat.ask.${value}`) }))}
        />
        {all.length > 0 && <Checkbox.Group className="repeat-codes" value={codes} onChange={(chosen) => setCodes(chosen)} options={all.map((code) => ({ value: code, label: words(code) }))} />}
        <label htmlFor="repeat-note">{t('repeat.note')}</label>
        <Input id="repeat-note" maxLength={200} value={note} onChange={(event) => setNote(event.target.value)} />
        {failure !== null && <Alert type="error" showIcon title={failure} />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={codes.length === 0 && note.trim() === ''}>
            {t('repeat.send')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

export function RepeatBox({ study, quality, onChanged }: { study: string; quality: Quality; onChanged: () => void }) {
  const { t } = useTexts();
  const { api, may } = useSession();
  const [asking, setAsking] = useState(false);
  const [taking, setTaking] = useState<RepeatRequest | null>(null);
  const open = quality.requests.find(isOpen);
  const asks = may('repeat.ask');
  return (
    <section className="repeat-box" data-testid="repeat-box">
      <h2>{t('repeat.title')}</h2>
      {quality.requests.length === 0 && <p className="muted">{t('repeat.none')}</p>}
      <ul>
        {quality.requests.map((request) => (
          <li key={request.id}>
            <RequestState request={request} />
            {asks && isOpen(request) && (
              <Button size="small" onClick={() => setTaking(request)} data-testid="repeat-withdraw">
                {t('repeat.withdraw')}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {asks && open === undefined && (
        <Button onClick={() => setAsking(true)} data-testid="ask-repeat">
          ↺ {t('repeat.button')}
        </Button>
      )}
      {asking && <AskDialog study={study} quality={quality} onClose={() => setAsking(false)} onDone={onChanged} />}
      {taking !== null && (
        <ClosingDialog
          title={t('repeat.withdraw')}
          confirm={t('repeat.withdraw')}
          closings={quality.closings.filter((one) => ['sufficient', 'dose', 'patient_unable', 'wrong_request', 'other'].includes(one.code))}
          act={(reason, note) => api.send('POST', `/api/studies/${encodeURIComponent(study)}/repeat/${encodeURIComponent(taking.id)}/withdraw`, { reason, note }).then(onChanged)}
          onClose={() => setTaking(null)}
        />
      )}
    </section>
  );
}
