/**
 * A consultation, an MDT or a referral: what is asked, of whom, and exactly what leaves the hospital. One dialog;
 * what is typed is kept as a draft; nothing is sent before the last button.
 */
import { Alert, Button, Checkbox, Input, Modal, Popconfirm, Radio, Select } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { ServerRefused } from '../api/client';
import type { WorklistPage } from '../api/types';
import { navigate } from '../app/router';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { date } from '../ui/format';
import { Failure, Loading, Notice, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { askedOf, beginOf, BLANK, FACTS, HOURS, isComplete, KINDS, placeKey, recipientsOf, requestOf, type Asked } from './asked';
import type { OpenDraft, Roster } from './box';
import { FactsEditor } from './FactsEditor';
import { useDepartment } from './Marks';
import { Preview } from './Preview';
import { Recipients } from './Recipients';
import { LEVELS, URGENCIES, type ConsultKind, type Urgency } from './types';

const SAVE_AFTER_MS = 1200;

type DraftState = 'none' | 'saving' | 'kept' | 'failed';

/** Keeps what is typed a moment after the last key, and at once when the dialog is left. */
function useKeptDraft(study: string, consult: string, asked: Asked, touched: boolean): { state: DraftState; keepNow: () => Promise<void> } {
  const { api } = useSession();
  const [state, setState] = useState<DraftState>('none');
  const kept = useRef<Asked | null>(null);
  useEffect(() => {
    if (!touched || kept.current === asked) return;
    let left = false;
    const timer = window.setTimeout(() => {
      setState('saving');
      api.send('PUT', `/api/consults/${consult}/draft`, { study, body: { ...asked } }).then(
        () => {
          if (left) return;
          kept.current = asked;
          setState('kept');
        },
        () => !left && setState('failed'),
      );
    }, SAVE_AFTER_MS);
    return () => {
      left = true;
      window.clearTimeout(timer);
    };
  }, [api, study, consult, asked, touched]);
  async function keepNow(): Promise<void> {
    if (!touched || kept.current === asked) return;
    await api.send('PUT', `/api/consults/${consult}/draft`, { study, body: { ...asked } });
    kept.current = asked;
  }
  return { state, keepNow };
}

interface PartProps {
  asked: Asked;
  set: (change: Partial<Asked>) => void;
}

function Whom({ asked, set, roster, onConfirmed }: PartProps & { roster: Roster; onConfirmed: () => void }) {
  const { t } = useTexts();
  const department = useDepartment();
  const people = asked.kind === 'mdt' ? roster.departments.flatMap((one) => one.people) : (roster.departments.find((one) => placeKey(one) === asked.place)?.people ?? []);
  if (asked.house) {
    return (
      <>
        <label htmlFor="request-people">{t('request.colleagues')}</label>
        <Select id="request-people" mode="multiple" value={asked.people} onChange={(next: string[]) => set({ people: next })} options={(roster.colleagues ?? []).map((one) => ({ value: one.person, label: one.name }))} />
        <p className="muted">{t('request.houseNote')}</p>
      </>
    );
  }
  return (
    <>
      {asked.kind !== 'mdt' && (
        <>
          <label htmlFor="request-place">{t('request.department')}</label>
          <Select id="request-place" value={asked.place === '' ? undefined : asked.place} placeholder={t('request.chooseDepartment')} onChange={(place: string) => set({ place, people: [] })} options={roster.departments.map((one) => ({ value: placeKey(one), label: `${one.hospital_name} · ${department(one.department)}` }))} />
        </>
      )}
      <div className="two">
        <div>
          <label htmlFor="request-level">{t('request.level')}</label>
          <Select id="request-level" value={asked.to_level} onChange={(to_level: string) => set({ to_level })} options={LEVELS.map((one) => ({ value: one, label: one === '' ? t('request.anyLevel') : t(`level.${one}`) }))} />
        </div>
        <div>
          <label htmlFor="request-people">{t('request.people')}</label>
          <Select id="request-people" mode="multiple" value={asked.people} placeholder={asked.kind === 'mdt' ? t('request.chooseMembers') : t('request.duty')} onChange={(next: string[]) => set({ people: next })} options={people.map((one) => ({ value: one.person, label: `${one.name} · ${department(roster.departments.find((place) => place.people.includes(one))?.department ?? '')}` }))} />
        </div>
      </div>
      <b>{t('request.whoGets')}</b>
      <Recipients people={recipientsOf(asked, roster)} onConfirmed={onConfirmed} />
    </>
  );
}

function Included({ asked, set, study, patientId, consult, body }: PartProps & { study: string; patientId: string; consult: string; body: () => Asked }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const priors = useRead<WorklistPage>(patientId === '' ? null : `/api/worklist?limit=20&q=${encodeURIComponent(patientId)}`);
  const [failure, setFailure] = useState<string | null>(null);
  const [progress, setProgress] = useState<number | null>(null);
  const others = (priors.data?.rows ?? []).filter((row) => row.patient_id === patientId && row.study !== study);
  async function add(files: FileList | null): Promise<void> {
    if (files === null || files.length === 0) return;
    setFailure(null);
    setProgress(0);
    const form = new FormData();
    for (const file of files) form.append('files', file, file.name);
    try {
      // A document belongs to a draft: it must be there first.
      await api.send('PUT', `/api/consults/${consult}/draft`, { study, body: { ...body() } });
      const { documents } = await api.upload<{ documents: string[] }>(`/api/consults/${consult}/documents`, form, setProgress, new AbortController().signal);
      set({ documents: [...asked.documents, ...documents.map((id, at) => ({ id, title: files[at]?.name ?? id }))] });
    } catch (error) {
      setFailure(failureText(error));
    }
    setProgress(null);
  }
  return (
    <fieldset className="included">
      <legend>{t('request.include')}</legend>
      <p className="muted">{t('request.always')}</p>
      <div className="ticks">
        {FACTS.map((name) => (
          <Checkbox key={name} checked={asked[name]} onChange={(event) => set({ [name]: event.target.checked })}>
            {t(`facts.${name}`)}
          </Checkbox>
        ))}
      </div>
      {others.map((row) => (
        <Checkbox key={row.study} checked={asked.priors.includes(row.study)} onChange={(event) => set({ priors: event.target.checked ? [...asked.priors, row.study] : asked.priors.filter((one) => one !== row.study) })}>
          {t('case.prior')} {date(row.study_date)} {row.modality} {row.description}
        </Checkbox>
      ))}
      {asked.documents.map((one) => (
        <p key={one.id}>
          ＋ {one.title}{' '}
          <button type="button" className="link-button" onClick={() => set({ documents: asked.documents.filter((other) => other.id !== one.id) })}>
            {t('request.dropDocument')}
          </button>
        </p>
      ))}
      <FactsEditor entered={asked.entered} onChange={(entered) => set({ entered })} />
      <label className="file-button">
        {progress === null ? t('request.addDocuments') : t('request.uploading')}
        <input type="file" multiple accept="application/pdf,image/jpeg,image/png" onChange={(event) => void add(event.target.files)} data-testid="request-files" />
      </label>
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
    </fieldset>
  );
}

interface FootProps {
  state: DraftState;
  /** Something was typed, now or before: there is a draft to keep or to discard. */
  begun: boolean;
  house: boolean;
  busy: boolean;
  complete: boolean;
  onDiscard: () => void;
  onLeave: () => void;
}

function Foot({ state, begun, house, busy, complete, onDiscard, onLeave }: FootProps) {
  const { t } = useTexts();
  return (
    <div className="form-end">
      <span className="muted grow" role="status" data-testid="draft-state">
        {t(`request.draft.${state}`)}
      </span>
      {begun && (
        <Popconfirm title={t('request.discardSure')} okText={t('request.discard')} cancelText={t('action.back')} onConfirm={onDiscard}>
          <Button type="text" danger data-testid="discard">
            {t('request.discard')}
          </Button>
        </Popconfirm>
      )}
      <Button onClick={onLeave}>{t(begun ? 'request.later' : 'action.cancel')}</Button>
      <Button type="primary" htmlType="submit" loading={busy} disabled={!complete} data-testid="request-send">
        {house ? t('request.convene') : t('request.send')}
      </Button>
    </div>
  );
}

interface Props {
  study: string;
  patientName: string;
  patientId: string;
  first: ConsultKind;
  /** A kept draft that goes on; null begins a new one. */
  draft?: OpenDraft | null;
  onClose: () => void;
}

const freshId = () => `c_${Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;

export function RequestDialog({ study, patientName, patientId, first, draft: old = null, onClose }: Props) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const roster = useRead<Roster>('/api/region/roster');
  const [consult] = useState(() => old?.id ?? freshId());
  const [asked, setAsked] = useState<Asked>(() => (old === null ? { ...BLANK, kind: first } : askedOf(old.body, old.documents)));
  const [touched, setTouched] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const latest = useRef(asked);
  useEffect(() => {
    latest.current = asked;
  });
  const draft = useKeptDraft(study, consult, asked, touched);
  const set = (change: Partial<Asked>) => {
    setTouched(true);
    setAsked((before) => ({ ...before, ...change }));
  };
  const joined = roster.data?.joined ?? false;
  const choose = (kind: ConsultKind) => set(beginOf(kind, roster.data));
  // What was chosen on the study's page is filled in once it is known who is there; a draft stays as it was left.
  const [begun, setBegun] = useState(old !== null);
  if (!begun && roster.data !== null) {
    setBegun(true);
    setAsked((before) => ({ ...before, ...beginOf(first, roster.data) }));
  }
  const complete = isComplete(asked, roster.data);

  /** Leaving keeps the draft; what cannot be kept is said, and the dialog stays. */
  function leave(): void {
    draft.keepNow().then(onClose, (error: unknown) => setFailure(failureText(error)));
  }

  async function discard(): Promise<void> {
    try {
      await api.send('DELETE', `/api/consults/${consult}/draft`);
      onClose();
    } catch (error) {
      // Nothing had been kept yet: then nothing is left of it.
      if (error instanceof ServerRefused && error.status === 404) onClose();
      else setFailure(failureText(error));
    }
  }

  async function send(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      // The draft holds the documents; the request takes its place.
      await api.send('PUT', `/api/consults/${consult}/draft`, { study, body: { ...asked } });
      await api.send('POST', `/api/studies/${encodeURIComponent(study)}/consult`, requestOf(asked, consult, Date.now()));
      navigate(`/consults/${consult}`);
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }

  return (
    <Modal open onCancel={leave} title={t('request.title', { name: patientName })} footer={null} width={760} mask={{ closable: false }}>
      {roster.data === null && (roster.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={roster.error} onRetry={roster.reload} />)}
      {roster.data !== null && (
        <form
          className="form request"
          data-testid="request"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <Radio.Group optionType="button" value={asked.kind} onChange={(event) => choose(event.target.value as ConsultKind)} options={KINDS.map((value) => ({ value, label: t(`consult.kind.${value}`) }))} />
          {!joined && <Notice tone="info" title={t('request.notJoined')} />}
          {asked.kind === 'mdt' && (
            <Checkbox checked={asked.house} disabled={!joined} onChange={(event) => set({ house: event.target.checked, people: [] })} data-testid="house">
              {t('request.house')}
            </Checkbox>
          )}
          {asked.kind === 'referral' && (
            <Radio.Group
              value={asked.direction || 'up'}
              onChange={(event) => set({ direction: event.target.value as 'up' | 'down' })}
              options={[
                { value: 'up', label: t('request.up') },
                { value: 'down', label: t('request.down') },
              ]}
            />
          )}
          <Whom asked={asked} set={set} roster={roster.data} onConfirmed={roster.reload} />
          <div className="two">
            <div>
              <label htmlFor="request-urgency">{t('portal.column.urgency')}</label>
              <Select id="request-urgency" value={asked.urgency} onChange={(urgency: Urgency) => set({ urgency, hours: urgency === 'emergency' ? 0.5 : urgency === 'urgent' ? 2 : 24 })} options={URGENCIES.map((value) => ({ value, label: t(`urgency.${value}`) }))} />
            </div>
            <div>
              <label htmlFor="request-deadline">{t('request.within')}</label>
              <Select id="request-deadline" value={asked.hours} onChange={(hours: number) => set({ hours })} options={[...HOURS.map((value) => ({ value, label: value < 1 ? t('request.minutes', { n: value * 60 }) : t('request.hours', { n: value }) })), { value: 0, label: t('request.noDeadline') }]} />
            </div>
          </div>
          <label htmlFor="request-purpose">{t('case.purpose')} *</label>
          <Input.TextArea id="request-purpose" rows={2} maxLength={20_000} value={asked.purpose} onChange={(event) => set({ purpose: event.target.value })} />
          <label htmlFor="request-summary">{t('case.summary')}</label>
          <Input.TextArea id="request-summary" rows={3} maxLength={20_000} value={asked.summary} onChange={(event) => set({ summary: event.target.value })} />
          <label htmlFor="request-consent">{t('request.consent')} *</label>
          <Input id="request-consent" maxLength={200} placeholder={t('request.consentHint')} value={asked.consent} onChange={(event) => set({ consent: event.target.value })} />
          {!asked.house && <Included asked={asked} set={set} study={study} patientId={patientId} consult={consult} body={() => latest.current} />}
          {!asked.house && <Preview study={study} consult={consult} asked={asked} />}
          {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
          <Foot state={draft.state} begun={touched || old !== null} house={asked.house} busy={busy} complete={complete} onDiscard={() => void discard()} onLeave={leave} />
        </form>
      )}
    </Modal>
  );
}
