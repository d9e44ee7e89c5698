/** The two signatures: of a report, of an addendum. Each wants the one-time code again. */
import { Alert, Button, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';
import type { Report } from './useReport';

function Code({ otp, onOtp }: { otp: string; onOtp: (value: string) => void }) {
  const { t } = useTexts();
  return (
    <>
      <label htmlFor="report-otp">{t('report.otp')}</label>
      <Input id="report-otp" inputMode="numeric" autoComplete="one-time-code" maxLength={8} value={otp} onChange={(event) => onOtp(event.target.value)} />
    </>
  );
}

export function SignDialog({ report, onClose }: { report: Report; onClose: () => void }) {
  const { t } = useTexts();
  const failureText = useFailureText();
  const [otp, setOtp] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  async function submit(): Promise<void> {
    const version = await report.flush();
    if (version === null) return;
    try {
      await report.send('sign', { version, otp: otp.trim() });
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setOtp('');
    }
  }
  return (
    <Modal open onCancel={onClose} footer={null} title={t('report.signTitle')} width={420}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p>{t('report.signWhat')}</p>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <Code otp={otp} onOtp={setOtp} />
        <Button type="primary" htmlType="submit" disabled={otp.trim().length < 6} block>
          {t('report.signNow')}
        </Button>
      </form>
    </Modal>
  );
}

export function AddendumDialog({ report, base, onClose }: { report: Report; base: number; onClose: () => void }) {
  const { t, language } = useTexts();
  const failureText = useFailureText();
  const [text, setText] = useState('');
  const [why, setWhy] = useState<'supplement' | 'correction'>('supplement');
  const [otp, setOtp] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  async function submit(): Promise<void> {
    try {
      await report.send('addendum', { base, text, language, why, otp: otp.trim() });
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setOtp('');
    }
  }
  return (
    <Modal open onCancel={onClose} footer={null} title={t('report.addendumTitle')} width={560}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <Select aria-label={t('report.addendumTitle')} value={why} onChange={setWhy} options={(['supplement', 'correction'] as const).map((one) => ({ value: one, label: t(`report.why.${one}`) }))} />
        <label htmlFor="report-addendum">{t('report.addendumText')}</label>
        <Input.TextArea id="report-addendum" rows={5} value={text} onChange={(event) => setText(event.target.value)} />
        <Code otp={otp} onOtp={setOtp} />
        <Button type="primary" htmlType="submit" disabled={otp.trim().length < 6 || text.trim() === ''} block>
          {t('report.signNow')}
        </Button>
      </form>
    </Modal>
  );
}
