/** A township hospital without a box: send images, ask, read the answer. Nothing else of the county is here. */
import { Alert, Button, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import type { UploadAnswer } from '../api/types';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { date, instant } from '../ui/format';
import { Failure, Loading, Notice, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import type { Roster, TownshipConsult } from './box';
import { PlaceChip, UrgencyChip, useDepartment } from './Marks';
import { placeKey } from './asked';
import { URGENCIES, type Urgency } from './types';

interface TownshipStudy {
  study: string;
  patient_name: string;
  patient_id: string;
  study_date: string;
  modality: string;
  description: string;
  instance_count: number;
}

function Ask({ study, onClose, onDone }: { study: TownshipStudy; onClose: () => void; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const department = useDepartment();
  const roster = useRead<Roster>('/api/township/roster');
  const [place, setPlace] = useState('');
  const [urgency, setUrgency] = useState<Urgency>('routine');
  const [purpose, setPurpose] = useState('');
  const [summary, setSummary] = useState('');
  const [consent, setConsent] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function send(): Promise<void> {
    setBusy(true);
    const [to_hospital = '', to_department = ''] = place.split(' ');
    try {
      await api.send('POST', `/api/township/studies/${encodeURIComponent(study.study)}/consult`, { kind: 'consultation', to_hospital, to_department, urgency, purpose: purpose.trim(), summary: summary.trim(), consent: { reference: consent.trim(), at: new Date().toISOString() } });
      onDone();
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} title={t('request.title', { name: study.patient_name })} footer={null} width={520}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label htmlFor="town-place">{t('request.department')}</label>
        <Select id="town-place" value={place === '' ? undefined : place} onChange={(next: string) => setPlace(next)} options={(roster.data?.departments ?? []).map((one) => ({ value: placeKey(one), label: `${one.hospital_name} · ${department(one.department)}` }))} />
        <label htmlFor="town-urgency">{t('portal.column.urgency')}</label>
        <Select id="town-urgency" value={urgency} onChange={(next: Urgency) => setUrgency(next)} options={URGENCIES.map((value) => ({ value, label: t(`urgency.${value}`) }))} />
        <label htmlFor="town-purpose">{t('case.purpose')} *</label>
        <Input.TextArea id="town-purpose" rows={2} maxLength={20_000} value={purpose} onChange={(event) => setPurpose(event.target.value)} />
        <label htmlFor="town-summary">{t('case.summary')}</label>
        <Input.TextArea id="town-summary" rows={3} maxLength={20_000} value={summary} onChange={(event) => setSummary(event.target.value)} />
        <label htmlFor="town-consent">{t('request.consent')} *</label>
        <Input id="town-consent" maxLength={200} placeholder={t('request.consentHint')} value={consent} onChange={(event) => setConsent(event.target.value)} />
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={place === '' || purpose.trim() === '' || consent.trim() === ''}>
            {t('request.send')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

export default function TownshipPage() {
  const { t, said } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const studies = useRead<{ rows: TownshipStudy[] }>('/api/township/studies', 10_000);
  const consults = useRead<{ rows: TownshipConsult[] }>('/api/township/consults', 10_000);
  const [asking, setAsking] = useState<TownshipStudy | null>(null);
  const [sent, setSent] = useState<number | null>(null);
  const [answer, setAnswer] = useState<UploadAnswer | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  async function upload(files: FileList | null): Promise<void> {
    if (files === null || files.length === 0) return;
    setFailure(null);
    setAnswer(null);
    setSent(0);
    const form = new FormData();
    let whole = 0;
    for (const file of files) {
      form.append('files', file, file.name);
      whole += file.size;
    }
    try {
      setAnswer(await api.upload<UploadAnswer>('/api/township/upload', form, (bytes) => setSent(Math.min(100, Math.round((bytes / Math.max(1, whole)) * 100))), new AbortController().signal));
      studies.reload();
    } catch (error) {
      setFailure(failureText(error));
    }
    setSent(null);
  }
  if (studies.data === null) return studies.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={studies.error} onRetry={studies.reload} />;
  return (
    <div className="page list-page">
      <div className="sheet">
        <h1>{t('township.title')}</h1>
        <p className="muted">{t('township.explain')}</p>
        <label className="file-button">
          {sent === null ? t('township.upload') : t('township.uploading', { n: sent })}
          <input type="file" multiple disabled={sent !== null} onChange={(event) => void upload(event.target.files)} data-testid="township-files" />
        </label>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        {answer !== null && (
          <div role="status">
            <p>{t('township.taken', { n: answer.accepted, again: answer.duplicates })}</p>
            {[...answer.quarantined, ...answer.refused].map((one, at) => (
              <p key={at} className="note-warn">
                ! {one.name_hint} {said(one)} ({one.code})
              </p>
            ))}
          </div>
        )}
        {studies.data.rows.length === 0 && <Notice tone="info" title={t('township.none')} />}
        <ul className="plain-list">
          {studies.data.rows.map((one) => (
            <li key={one.study} data-study={one.study}>
              <b>{one.patient_name}</b> {one.patient_id} · <span className="num">{date(one.study_date)}</span> {one.modality} {one.description} · {t('township.images', { n: one.instance_count })}{' '}
              <Button size="small" type="primary" onClick={() => setAsking(one)}>
                {t('request.button')}
              </Button>
            </li>
          ))}
        </ul>
        <h2>{t('township.asked')}</h2>
        <ul className="plain-list">
          {(consults.data?.rows ?? []).map((one) => (
            <li key={one.id} className="opinion">
              <p>
                <b>{one.patient_name}</b> <UrgencyChip urgency={one.urgency} /> <PlaceChip place={one.place} /> <span className="num muted">{instant(one.requested_at)}</span>
              </p>
              <p className="said">{one.purpose}</p>
              {one.words.map((words) => (
                <div key={words.digest} className="addendum">
                  <p className="said">{[words.opened['impression'], words.opened['advice'], words.opened['text']].filter((part): part is string => typeof part === 'string' && part !== '').join('\n')}</p>
                  <code className="hash">{words.digest}</code>
                </div>
              ))}
            </li>
          ))}
        </ul>
      </div>
      {asking !== null && <Ask study={asking} onClose={() => setAsking(null)} onDone={consults.reload} />}
    </div>
  );
}
