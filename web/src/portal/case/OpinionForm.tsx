import { Alert, Button, Checkbox, DatePicker, Input, Modal, Radio, Select } from 'antd';
import dayjs from 'dayjs';
import { useState } from 'react';
import { seatOf } from '../../consult/fold';
import { Findings, type OpinionView } from '../../consult/OpinionCard';
import { AGREEMENT_WORDS, NEXT_STEPS, NO_FINDINGS, QUALITY_WORDS, TB_WORDS, type Opinion, type OpinionFindings } from '../../consult/types';
import { useTexts } from '../../i18n';
import { instant } from '../../ui/format';
import { useSealFailureText } from '../failure';
import type { PanelProps } from './CasePanels';
import { useDraft } from './useDraft';

interface Written {
  impression: string;
  findings: OpinionFindings;
  advice: string;
  text: string;
  dissent: boolean;
}

const BLANK: Written = { impression: '', findings: NO_FINDINGS, advice: '', text: '', dissent: false };

type Kind = 'opinion' | 'addendum' | 'summary';

interface FormProps extends PanelProps {
  kind: Kind;
  /** The own opinion that an addendum adds to. */
  to: string;
  /** The opinions that a summary sums up: every one. */
  opinions: string[];
  others: readonly OpinionView[];
  onDone: () => void;
}

function Choice<T extends string>({ label, words, value, text, onChange }: { label: string; words: readonly T[]; value: T | ''; text: (word: T) => string; onChange: (value: T | '') => void }) {
  return (
    <div className="choice">
      <span>{label}</span>
      <Select<T | ''> aria-label={label} value={value} allowClear onChange={(next?: T | '') => onChange(next ?? '')} options={[{ value: '', label: '—' }, ...words.map((word) => ({ value: word, label: text(word) }))]} />
    </div>
  );
}

function FindingFields({ findings, onChange }: { findings: OpinionFindings; onChange: (findings: OpinionFindings) => void }) {
  const { t } = useTexts();
  const set = (change: Partial<OpinionFindings>) => onChange({ ...findings, ...change });
  return (
    <>
      <Choice label={t('opinion.tb')} words={TB_WORDS} value={findings.tb} text={(word) => t(`opinion.tb.${word}`)} onChange={(tb) => set({ tb })} />
      <Choice label={t('opinion.quality')} words={QUALITY_WORDS} value={findings.image_quality} text={(word) => t(`opinion.quality.${word}`)} onChange={(image_quality) => set({ image_quality })} />
      <Choice label={t('opinion.ai')} words={AGREEMENT_WORDS} value={findings.ai_agreement} text={(word) => t(`opinion.ai.${word}`)} onChange={(ai_agreement) => set({ ai_agreement })} />
      <fieldset className="steps">
        <legend>{t('opinion.next')}</legend>
        <Checkbox.Group value={findings.next_steps} options={NEXT_STEPS.map((step) => ({ value: step, label: t(`opinion.next.${step}`) }))} onChange={(next_steps) => set({ next_steps })} />
      </fieldset>
    </>
  );
}

interface SignProps {
  opinion: Opinion;
  kind: Kind;
  others: readonly OpinionView[];
  busy: boolean;
  failure: string | null;
  onSign: () => void;
  onClose: () => void;
}

/** The last look: exactly what will be signed, and that nothing takes it back. */
function SignDialog({ opinion, kind, others, busy, failure, onSign, onClose }: SignProps) {
  const { t } = useTexts();
  return (
    <Modal open onCancel={onClose} title={t(`sign.title.${kind}`)} footer={null} width={560} mask={{ closable: false }}>
      <div className="sign-sheet" data-testid="sign-sheet">
        {opinion.impression !== '' && <p className="said">{opinion.impression}</p>}
        <Findings findings={opinion.findings} />
        {opinion.advice !== '' && (
          <p className="said">
            <b>{t('opinion.advice')}</b> {opinion.advice}
          </p>
        )}
        {opinion.text !== '' && <p className="said">{opinion.text}</p>}
        {opinion.dissent && <p className="note-warn">≠ {t('opinion.dissentLong')}</p>}
        {kind === 'summary' && others.filter((one) => one.opinion?.dissent === true).map((one) => <p key={one.event} className="note-warn">≠ {t('sign.dissentKept', { name: one.name })}</p>)}
      </div>
      <Alert type="warning" showIcon title={t('sign.irreversible')} description={t('sign.irreversibleLong')} />
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <div className="form-end">
        <Button onClick={onClose} disabled={busy}>
          {t('sign.back')}
        </Button>
        <Button type="primary" danger loading={busy} onClick={onSign} data-testid="sign">
          {busy ? t('sign.signing') : t('sign.sign')}
        </Button>
      </div>
    </Modal>
  );
}

export function OpinionForm(props: FormProps) {
  const { data, read, index, me, kind, to, opinions, others, onDone } = props;
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const { standing } = data.believed;
  const draft = useDraft<Written>(data, kind, BLANK);
  const [signing, setSigning] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const written = draft.value;
  const set = (change: Partial<Written>) => draft.change({ ...written, ...change });
  const discipline = seatOf(standing, me)?.discipline ?? '';
  const opinion: Opinion = { ...written, impression: written.impression.trim(), advice: written.advice.trim(), text: written.text.trim(), discipline, case: standing.case, basis: index.objects.filter((one) => one.kind === 'manifest' || one.kind === 'document' || one.kind === 'findings').map((one) => one.object) };
  const said = opinion.impression !== '' || opinion.text !== '';

  async function sign(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      const facts: Record<string, string | string[]> = kind === 'opinion' ? { discipline } : kind === 'addendum' ? { to } : { opinions };
      await read.post(kind, facts, { ...opinion });
      draft.forget();
      setSigning(false);
      onDone();
    } catch (error) {
      setFailure(failureText(error));
    }
    setBusy(false);
  }

  return (
    <form
      className="form opinion-form"
      data-testid={`form-${kind}`}
      onSubmit={(event) => {
        event.preventDefault();
        setSigning(true);
      }}
    >
      <h2>{t(`form.${kind}`)}</h2>
      {kind !== 'addendum' && (
        <>
          <label htmlFor={`impression-${kind}`}>{t('opinion.impression')}</label>
          <Input.TextArea id={`impression-${kind}`} rows={2} maxLength={20_000} value={written.impression} onChange={(event) => set({ impression: event.target.value })} />
        </>
      )}
      {kind === 'opinion' && <FindingFields findings={written.findings} onChange={(findings) => set({ findings })} />}
      {kind !== 'addendum' && (
        <>
          <label htmlFor={`advice-${kind}`}>{t('opinion.advice')}</label>
          <Input.TextArea id={`advice-${kind}`} rows={1} maxLength={20_000} value={written.advice} onChange={(event) => set({ advice: event.target.value })} />
        </>
      )}
      <label htmlFor={`text-${kind}`}>{t('opinion.text')}</label>
      <Input.TextArea id={`text-${kind}`} rows={2} maxLength={20_000} value={written.text} onChange={(event) => set({ text: event.target.value })} />
      {kind === 'opinion' && standing.kind === 'mdt' && (
        <Checkbox checked={written.dissent} onChange={(event) => set({ dissent: event.target.checked })}>
          {t('opinion.dissentMine')}
        </Checkbox>
      )}
      {failure !== null && !signing && <Alert type="error" showIcon title={failure} role="alert" />}
      <div className="form-end">
        <span className="muted grow" role="status" data-testid="draft-state">
          {draft.state === 'saved' && draft.savedAt !== null ? t('draft.saved', { at: instant(draft.savedAt).slice(11) }) : t(`draft.${draft.state}`)}
        </span>
        {kind !== 'opinion' && <Button onClick={onDone}>{t('action.cancel')}</Button>}
        <Button type="primary" htmlType="submit" disabled={!said} data-testid={`sign-${kind}`}>
          {t('sign.review')}
        </Button>
      </div>
      {signing && <SignDialog opinion={opinion} kind={kind} others={others} busy={busy} failure={failure} onSign={() => void sign()} onClose={() => setSigning(false)} />}
    </form>
  );
}

/** Answer to a referral: taken or not, which bed, when. */
export function OfferForm({ read }: PanelProps) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const [accepted, setAccepted] = useState(true);
  const [bed, setBed] = useState('');
  const [date, setDate] = useState('');
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function send(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setFailure(null);
    try {
      await read.post('offered', {}, { accepted, bed: bed.trim(), date, text: text.trim() });
      // Said once: a second press must not say it again.
      setBed('');
      setDate('');
      setText('');
    } catch (error) {
      setFailure(failureText(error));
    }
    setBusy(false);
  }
  return (
    <form
      className="form opinion-form"
      data-testid="form-offer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <h2>{t('offer.title')}</h2>
      <Radio.Group
        value={accepted}
        onChange={(event) => setAccepted(event.target.value as boolean)}
        options={[
          { value: true, label: t('offer.accepted') },
          { value: false, label: t('offer.refused') },
        ]}
      />
      {accepted && (
        <>
          <label htmlFor="offer-bed">{t('offer.bed')}</label>
          <Input id="offer-bed" maxLength={80} value={bed} onChange={(event) => setBed(event.target.value)} />
          <label htmlFor="offer-date">{t('offer.date')}</label>
          {/* Enter takes the day; it does not send. */}
          <DatePicker id="offer-date" value={date === '' ? null : dayjs(date)} onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()} onChange={(value) => setDate((value)?.format('YYYY-MM-DD') ?? '')} />
        </>
      )}
      <label htmlFor="offer-text">{t('offer.text')}</label>
      <Input.TextArea id="offer-text" rows={2} maxLength={20_000} value={text} onChange={(event) => setText(event.target.value)} />
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <div className="form-end">
        <Button type="primary" htmlType="submit" loading={busy} disabled={accepted ? date === '' : text.trim() === ''} data-testid="send-offer">
          {t('offer.send')}
        </Button>
      </div>
    </form>
  );
}
