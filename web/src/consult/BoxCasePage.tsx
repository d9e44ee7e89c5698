/** A consultation as the hospital that asked sees it: how it goes, what was said, opinions with their signatures. */
import { Alert, Button, Checkbox, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { PlainChip } from '../ui/chips';
import { bytes, instant } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { AlarmList } from './AlarmList';
import type { BoxCase, BoxEvent, Upload } from './box';
import { useBoxLive } from './boxLive';
import { InviteDialog, RemoveDialog } from './CountyDialogs';
import { Deadline, PlaceChip, Title, UrgencyChip, useDepartment, useNow } from './Marks';
import { OpinionCard, opinionOf, type OpinionView } from './OpinionCard';
import { Sending } from './Sending';
import { Thread, type ThreadEntry } from './Thread';
import { REASONS, type EventKind } from './types';

const wordsOf = (opened: Record<string, unknown> | null): string | null => {
  if (opened === null) return null;
  const { text, reason } = opened;
  return typeof text === 'string' ? text : typeof reason === 'string' ? reason : '';
};

/** How far the case is on its way: building, bytes, refused pieces. */
export function Progress({ upload }: { upload: Upload | null }) {
  const { t } = useTexts();
  if (upload === null) return <PlainChip tone="quiet" glyph="⌂" label={t('box.house')} />;
  if ((upload.given_up_items ?? 0) > 0 && upload.dead_items === 0) return <PlainChip tone="warn" glyph="–" label={t('sending.givenUp', { n: upload.given_up_items ?? 0 })} />;
  if (upload.dead_items > 0) return <PlainChip tone="bad" glyph="✕" label={t('box.dead', { n: upload.dead_items })} />;
  if (upload.items === 0 && upload.done_items === 0) return <PlainChip tone="busy" glyph="…" label={t('box.preparing')} />;
  const whole = upload.bytes;
  if (upload.done_items === upload.items) return <PlainChip tone="good" glyph="✓" label={t('box.sent', { size: bytes(whole) })} />;
  return <PlainChip tone="busy" glyph="↑" label={t('box.sending', { done: bytes(upload.done_bytes), whole: bytes(whole) })} />;
}

function viewOf(event: BoxEvent, failure: string | null): OpinionView {
  let opinion: OpinionView['opinion'] = null;
  if (event.opened !== null) {
    opinion = opinionOf(JSON.stringify(event.opened));
  }
  return {
    event: event.id,
    kind: event.kind as OpinionView['kind'],
    person: event.actor,
    name: event.actor_name,
    title: event.title,
    discipline: event.facts.discipline ?? '',
    at: event.at,
    digest: event.digest,
    signature: event.signature.state === 'verified' ? 'good' : event.signature.state === 'session' ? 'session' : 'bad',
    to: event.facts.to ?? '',
    opinion,
    broken: failure,
  };
}

function Papers({ event }: { event: BoxEvent }) {
  const { t } = useTexts();
  const there = (['opinion_pdf', 'opinion_sr'] as const).filter((label) => event.papers[label] !== undefined);
  if (there.length === 0) return null;
  return (
    <p className="receipt receipt-there">
      <i aria-hidden="true">✓</i> {there.map((label) => t(`box.paper.${label}`)).join(' · ')}
    </p>
  );
}

function Documents({ data, consult }: { data: BoxCase; consult: string }) {
  const { t } = useTexts();
  if (data.documents.length === 0) return <p className="muted">{t('documents.none')}</p>;
  return (
    <ul className="plain-list">
      {data.documents.map((one) => (
        <li key={one.id}>
          <a href={`/api/consults/${encodeURIComponent(consult)}/documents/${encodeURIComponent(one.id)}`} target="_blank" rel="noreferrer noopener">
            {one.title}
          </a>{' '}
          <span className="muted">
            {one.content_type === 'application/pdf' ? 'PDF' : t('documents.photo')} · {bytes(one.bytes)}
          </span>
        </li>
      ))}
    </ul>
  );
}

interface ActProps {
  data: BoxCase;
  act: (body: Record<string, unknown>) => Promise<void>;
  onClose: () => void;
}

/** The county answers what was asked, with documents that were added here. */
function AnswerDialog({ data, act, onClose }: ActProps) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState<string[]>([]);
  const [added, setAdded] = useState<{ id: string; title: string }[]>([]);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function guarded(work: () => Promise<void>): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      await work();
    } catch (error) {
      setFailure(failureText(error));
    }
    setBusy(false);
  }
  const add = (files: FileList | null) =>
    guarded(async () => {
      if (files === null || files.length === 0) return;
      const form = new FormData();
      for (const file of files) form.append('files', file, file.name);
      const { documents } = await api.upload<{ documents: string[] }>(`/api/consults/${encodeURIComponent(data.row.id)}/documents`, form, () => undefined, new AbortController().signal);
      setAdded((old) => [...old, ...documents.map((id, at) => ({ id, title: files[at]?.name ?? id }))]);
      setChosen((old) => [...old, ...documents]);
    });
  const known = [...data.documents.map(({ id, title }) => ({ id, title })), ...added.filter((one) => !data.documents.some((other) => other.id === one.id))];
  return (
    <Modal open onCancel={onClose} title={t('box.answer')} footer={null} width={520}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void guarded(async () => {
            await act({ kind: 'information.given', text: text.trim(), documents: chosen });
            onClose();
          });
        }}
      >
        <label htmlFor="answer-text">{t('box.answerText')}</label>
        <Input.TextArea id="answer-text" rows={4} maxLength={20_000} autoFocus value={text} onChange={(event) => setText(event.target.value)} />
        {known.map((one) => (
          <Checkbox key={one.id} checked={chosen.includes(one.id)} onChange={(event) => setChosen(event.target.checked ? [...chosen, one.id] : chosen.filter((other) => other !== one.id))}>
            {one.title}
          </Checkbox>
        ))}
        <label className="file-button">
          {t('request.addDocuments')}
          <input type="file" multiple accept="application/pdf,image/jpeg,image/png" onChange={(event) => void add(event.target.files)} />
        </label>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={text.trim() === ''} data-testid="send-answer">
            {t('box.sendAnswer')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** Take the request back; the patient's hospital decides, at any time before it is completed. */
function CancelDialog({ act, onClose }: ActProps) {
  const { t } = useTexts();
  const failureText = useFailureText();
  const [reason, setReason] = useState<(typeof REASONS)[number]>('patient');
  const [failure, setFailure] = useState<string | null>(null);
  async function cancel(): Promise<void> {
    try {
      await act({ kind: 'cancelled', reason });
      onClose();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  return (
    <Modal open onCancel={onClose} title={t('box.cancel')} onOk={() => void cancel()} okText={t('box.cancel')} cancelText={t('action.back')} okButtonProps={{ danger: true }}>
      <p>{t('box.cancelLong')}</p>
      <Select aria-label={t('decline.reason')} value={reason} options={REASONS.map((value) => ({ value, label: t(`reason.${value}`) }))} onChange={(value) => setReason(value)} />
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
    </Modal>
  );
}

/** In-house: an opinion or the chair's summary, confirmed by the session. */
function HouseForm({ kind, act, onDone }: { kind: 'opinion' | 'summary' | 'addendum'; act: ActProps['act']; onDone: () => void }) {
  const { t } = useTexts();
  const failureText = useFailureText();
  const [text, setText] = useState('');
  const [sure, setSure] = useState(false);
  const [dissent, setDissent] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function send(): Promise<void> {
    setSure(false);
    try {
      await act(kind === 'opinion' ? { kind, words: { impression: text.trim(), dissent, findings: {}, basis: [] } } : { kind, text: text.trim(), words: kind === 'summary' ? { impression: text.trim() } : {} });
      onDone();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  return (
    <form
      className="form opinion-form"
      data-testid={`house-${kind}`}
      onSubmit={(event) => {
        event.preventDefault();
        setSure(true);
      }}
    >
      <label htmlFor={`house-${kind}`}>{t(`form.${kind}`)}</label>
      <Input.TextArea id={`house-${kind}`} rows={4} maxLength={20_000} value={text} onChange={(event) => setText(event.target.value)} />
      {kind === 'opinion' && (
        <Checkbox checked={dissent} onChange={(event) => setDissent(event.target.checked)}>
          {t('opinion.dissentMine')}
        </Checkbox>
      )}
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <div className="form-end">
        <Button type="primary" htmlType="submit" disabled={text.trim() === ''}>
          {t('sign.review')}
        </Button>
      </div>
      <Modal open={sure} onCancel={() => setSure(false)} onOk={() => void send()} okText={t('box.confirmSession')} cancelText={t('sign.back')} title={t(`sign.title.${kind}`)}>
        <p className="said">{text}</p>
        <Alert type="warning" showIcon title={t('sign.irreversible')} description={t('signature.session.long')} />
      </Modal>
    </form>
  );
}

function entriesOf(data: BoxCase, failureOf: (event: BoxEvent) => string | null): ThreadEntry[] {
  const names = new Map(data.parties.map((party) => [party.person, party.name]));
  const entries: ThreadEntry[] = data.events
    .filter((event) => !['opinion', 'addendum', 'summary', 'offered'].includes(event.kind))
    .map((event) => ({ id: event.id, kind: event.kind, actor: event.actor, name: event.actor_name, mine: ['information.given', 'requested', 'cancelled'].includes(event.kind) || event.actor === data.me, at: event.at, text: event.kind === 'requested' ? null : wordsOf(event.opened), about: names.get(event.facts.person ?? '') ?? event.facts.person ?? '', broken: failureOf(event), seenBy: [] }));
  return entries;
}

function Opinions({ data, failureOf }: { data: BoxCase; failureOf: (event: BoxEvent) => string | null }) {
  const { t } = useTexts();
  const views = data.opinions.map((event) => viewOf(event, failureOf(event)));
  if (views.length === 0) return <p className="muted">{t('opinion.none')}</p>;
  return (
    <>
      {data.opinions
        .filter((event) => event.kind !== 'addendum')
        .map((event) => (
          <div key={event.id}>
            <Offer event={event} />
            <OpinionCard view={viewOf(event, failureOf(event))} others={views} />
            <Papers event={event} />
            {data.opinions
              .filter((one) => one.kind === 'addendum' && one.facts.to === event.id)
              .map((one) => (
                <Papers key={one.id} event={one} />
              ))}
          </div>
        ))}
    </>
  );
}

/** The answer to a referral: taken or not, which bed, when. */
function Offer({ event }: { event: BoxEvent }) {
  const { t } = useTexts();
  const { accepted, bed, date: day } = event.opened ?? {};
  if (event.kind !== 'offered' || event.opened === null) return null;
  return (
    <dl className="facts offer" data-testid="offer">
      <dt>{t('offer.title')}</dt>
      <dd>{accepted === false ? <PlainChip tone="bad" glyph="⊘" label={t('offer.refused')} /> : <PlainChip tone="good" glyph="✓" label={t('offer.accepted')} />}</dd>
      {accepted !== false && (
        <>
          <dt>{t('offer.bed')}</dt>
          <dd>{typeof bed === 'string' && bed !== '' ? bed : '—'}</dd>
          <dt>{t('offer.date')}</dt>
          <dd className="num">{typeof day === 'string' && day !== '' ? day : '—'}</dd>
        </>
      )}
    </dl>
  );
}

/** What the expert has asked for last, while the ball is with us. */
export function askedNow(data: Pick<BoxCase, 'row' | 'events'>): BoxEvent | null {
  if (data.row.place !== 'awaiting-information') return null;
  return [...data.events].reverse().find((event) => event.kind === 'information.asked') ?? null;
}

function Side({ data, reload, onInvite, onRemove }: { data: BoxCase; reload: () => void; onInvite: (() => void) | null; onRemove: ((person: string) => void) | null }) {
  const { t } = useTexts();
  const department = useDepartment();
  return (
    <>
      <section>
        <h2>{t('case.purpose')}</h2>
        <p className="said">{data.request.purpose ?? '—'}</p>
        <h2>{t('case.summary')}</h2>
        <p className="said">{data.request.summary === '' ? '—' : (data.request.summary ?? '—')}</p>
        <h2>{t('case.consent')}</h2>
        <p>{data.request.consent?.reference ?? '—'}</p>
      </section>
      <section>
        <h2>{t('case.tab.people')}</h2>
        <ul className="people">
          {data.parties.map((party) => (
            <li key={`${party.person} ${party.invited_at}`} className={party.removed_at === null ? 'person' : 'person removed'}>
              <p>
                <b>{party.name}</b> <Title title={party.title} /> <span className="muted">{department(party.discipline)}</span>
              </p>
              <p className="muted">
                {t(`part.${party.part}`)}
                {party.declined && ` · ${t('people.declined')}`}
                {party.removed_at !== null && ` · ${t('people.removed', { at: instant(party.removed_at) })}`}
              </p>
              {party.removed_at === null && onRemove !== null && (
                <Button size="small" type="text" onClick={() => onRemove(party.person)} aria-label={`${t('people.remove')} ${party.name}`}>
                  {t('people.remove')}
                </Button>
              )}
            </li>
          ))}
        </ul>
        {onInvite !== null && (
          <Button size="small" onClick={onInvite} data-testid="invite-open">
            ＋ {t('invitation.title')}
          </Button>
        )}
      </section>
      <section>
        <h2>{t('case.tab.documents')}</h2>
        <Documents data={data} consult={data.row.id} />
      </section>
      {data.sending !== null && <Sending consult={data.row.id} sending={data.sending} onChanged={reload} />}
    </>
  );
}

/** An in-house meeting is opened by its chair, with one click each. */
function HouseSteps({ house, may, onStep }: { house: boolean; may: (kind: EventKind) => boolean; onStep: (kind: 'accepted') => void }) {
  const { t } = useTexts();
  if (!house || !may('accepted')) return null;
  return (
    <Button size="small" type="primary" onClick={() => onStep('accepted')} data-testid="accept">
      {t('case.accept')}
    </Button>
  );
}

const SEATED_EVERY_MS = 10_000;
const HOUSE_FORMS = ['opinion', 'summary', 'addendum'] as const;

/** The ball is with us: what is asked stands above all else. */
function Ball({ asked, broken, onAnswer }: { asked: BoxEvent; broken: string | null; onAnswer: (() => void) | null }) {
  const { t } = useTexts();
  return (
    <div className="banner banner-ball" role="status" data-testid="ball">
      <b>? {t('box.ballUs')}</b> <span className="said grow">{wordsOf(asked.opened) ?? broken}</span>
      {onAnswer !== null && (
        <Button size="small" type="primary" onClick={onAnswer}>
          {t('box.answer')}
        </Button>
      )}
    </div>
  );
}

/** What was said here and has not come back from the hub: on its way, or stopped. */
function Pending({ pending }: { pending: BoxCase['pending'] }) {
  const { t } = useTexts();
  const stopped = { dead: `✕ ${t('box.pendingDead')}`, given_up: `– ${t('box.pendingGivenUp')}` };
  return pending.map((one) => {
    const state = one.state === 'dead' || one.state === 'given_up' ? one.state : null;
    return (
      <p key={one.id} className={`receipt ${state === null ? 'receipt-waiting' : 'receipt-stopped'}`} data-testid="pending">
        {state === null ? `↑ ${t('box.pending')}` : stopped[state]}: {wordsOf(one.opened) || t(`event.${one.kind.replace('.', '_') as 'message'}`, { name: one.author, about: '' })}
      </p>
    );
  });
}

interface HeadProps {
  data: BoxCase;
  may: (kind: EventKind) => boolean;
  onStep: (kind: 'accepted' | 'completed') => void;
  onOpen: (what: 'answer' | 'cancel') => void;
}

function Head({ data, may, onStep, onOpen }: HeadProps) {
  const { t } = useTexts();
  const { may: permitted } = useSession();
  const now = useNow();
  const { row } = data;
  const house = row.authority === 'house';
  return (
    <header className="study-head">
      <Link to="/consults" className="back">
        ‹ {t('portal.nav.list')}
      </Link>
      <h1>{row.patient_name === '' ? t('value.noName') : row.patient_name}</h1>
      {permitted('study.open') && (permitted('study.read') || row.closed_at === null) && <Link to={`/study/${encodeURIComponent(row.study)}`}>{t('box.images')}</Link>}
      <span className="ellipsis grow">{[t(`consult.kind.${row.kind}`), row.to_hospital_name, row.source === '' ? '' : t('box.source', { name: row.source })].filter((one) => one !== '').join(' · ')}</span>
      <UrgencyChip urgency={row.urgency} />
      <Deadline at={row.deadline_at} now={now} closed={row.closed_at !== null} />
      <PlaceChip place={row.place} />
      <Progress upload={row.upload} />
      <HouseSteps house={house} may={may} onStep={onStep} />
      {may('information.given') && !house && (
        <Button size="small" type={row.business_state === '' ? 'default' : 'primary'} onClick={() => onOpen('answer')} data-testid="answer">
          {t('box.answer')}
        </Button>
      )}
      {may('completed') && (house || row.kind === 'referral') && (
        <Button size="small" onClick={() => onStep('completed')}>
          {t('case.complete')}
        </Button>
      )}
      {may('cancelled') && (
        <Button size="small" onClick={() => onOpen('cancel')}>
          {t('box.cancel')}
        </Button>
      )}
    </header>
  );
}

function Opened({ data, reload }: { data: BoxCase; reload: () => void }) {
  const { t, said } = useTexts();
  const { api, may: permitted } = useSession();
  const failureText = useFailureText();
  const [open, setOpen] = useState<'answer' | 'cancel' | 'invite' | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const { row } = data;
  const may = (kind: EventKind) => data.may.includes(kind);
  async function act(body: Record<string, unknown>): Promise<void> {
    await api.send('POST', `/api/consults/${encodeURIComponent(row.id)}/events`, body);
    reload();
  }
  const failureOf = (event: BoxEvent) => (event.signature.error === null ? null : `${said(event.signature.error)} (${event.signature.error.code})`);
  const house = row.authority === 'house';
  const asked = askedNow(data);
  const first = (kind: 'accepted' | 'completed') => {
    setFailure(null);
    act({ kind }).catch((error: unknown) => setFailure(failureText(error)));
  };
  return (
    <div className="page box-case">
      <Head data={data} may={may} onStep={first} onOpen={setOpen} />
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      {asked !== null && <Ball asked={asked} broken={failureOf(asked)} onAnswer={may('information.given') ? () => setOpen('answer') : null} />}
      {data.alarms.length > 0 && (
        <div className="case-alarms">
          <AlarmList alarms={data.alarms} may={permitted('consult.request')} pathOf={(alarm) => `/api/consults/${encodeURIComponent(row.id)}/alarms/${alarm.code}/seen`} onChanged={reload} />
        </div>
      )}
      <div className="box-columns">
        <main>
          <h2>{t('case.tab.opinion')}</h2>
          <Opinions data={data} failureOf={failureOf} />
          {house && HOUSE_FORMS.filter((kind) => may(kind) && (kind !== 'opinion' || !data.opinions.some((one) => one.kind === 'opinion' && one.actor === data.me))).map((kind) => <HouseForm key={kind} kind={kind} act={(body) => act(kind === 'addendum' ? { ...body, to: data.opinions.find((one) => one.actor === data.me)?.id ?? '' } : body)} onDone={reload} />)}
        </main>
        <section className="box-thread">
          <h2>{t('case.tab.thread')}</h2>
          <Pending pending={data.pending} />
          <Thread entries={entriesOf(data, failureOf)} onSend={may('message') ? (text) => act({ kind: 'message', text }) : null} failureText={failureText} note={t(house ? 'box.houseNote' : 'thread.sealed')} />
        </section>
        <aside>
          <Side data={data} reload={reload} onInvite={may('invited') ? () => setOpen('invite') : null} onRemove={may('removed') ? setRemoving : null} />
        </aside>
      </div>
      {open === 'answer' && <AnswerDialog data={data} act={act} onClose={() => setOpen(null)} />}
      {open === 'cancel' && <CancelDialog data={data} act={act} onClose={() => setOpen(null)} />}
      {open === 'invite' && <InviteDialog data={data} act={act} onClose={() => setOpen(null)} />}
      {removing !== null && <RemoveDialog data={data} act={act} onClose={() => setRemoving(null)} person={removing} />}
    </div>
  );
}

export default function BoxCasePage({ consult }: { consult: string }) {
  const { t } = useTexts();
  const { may } = useSession();
  // Who sits in a meeting without the right to ask has no stream of changes.
  const read = useRead<BoxCase>(`/api/consults/${encodeURIComponent(consult)}`, may('consult.request') ? null : SEATED_EVERY_MS);
  useBoxLive((changed) => {
    if (changed === null || changed === consult) read.reload();
  });
  if (read.data === null) return read.error === null ? <Loading label={t('case.opening')} /> : <Failure error={read.error} onRetry={read.reload} />;
  return <Opened data={read.data} reload={read.reload} />;
}
