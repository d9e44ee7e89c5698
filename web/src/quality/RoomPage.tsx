/** The modality room's page: what must be taken or sent again, large, with sound; never silent when the line is gone. */
import { Button, Select } from 'antd';
import { useEffect, useState } from 'react';
import { useCommands } from '../app/keys';
import { navigate, usePlace } from '../app/router';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { ageYears, date, instant } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { ClosingDialog } from './ClosingDialog';
import { forRoom, roomOf, roomPath, waited, type RoomFilters } from './room';
import { useAlarm, useRoom, type Room } from './useRoom';
import type { RepeatRequest } from './types';
import './quality.css';

const clock = (ms: number) => new Date(ms).toTimeString().slice(0, 8);

/** Alive or not, and since when not: nobody may take a dead page for a quiet day. */
function Line({ room }: { room: Room }) {
  const { t } = useTexts();
  if (room.stands) {
    return (
      <p className="room-line" data-testid="room-line" data-state="live">
        <span aria-hidden="true">●</span> {t('room.live', { at: clock(room.heardMs ?? room.nowMs) })}
      </p>
    );
  }
  if (room.heardMs === null) return <p className="room-line">{t('room.connecting')}</p>;
  return (
    <div className="room-lost" role="alert" data-testid="room-line" data-state="lost">
      <b>⚠ {t('room.lost', { at: clock(room.heardMs) })}</b>
      <p>{t('room.lostMeans', { age: waited((room.nowMs - room.heardMs) / 1000) })}</p>
    </div>
  );
}

function Sound({ heard, test }: { heard: boolean; test: () => void }) {
  const { t } = useTexts();
  if (heard) {
    return (
      <Button onClick={test} data-testid="room-sound" data-heard="true">
        ♪ {t('room.soundTest')}
      </Button>
    );
  }
  return (
    <button type="button" className="room-silent" onClick={test} data-testid="room-sound" data-heard="false">
      ✕ ♪ <b>{t('room.silent')}</b> {t('room.silentMeans')}
    </button>
  );
}

function Who({ request }: { request: RepeatRequest }) {
  const { t } = useTexts();
  const years = ageYears(request.birth_date, request.study_date);
  const sex = request.sex === 'M' || request.sex === 'F' || request.sex === 'O' ? t(`sex.${request.sex}`) : '';
  const device = [request.model === '' ? request.manufacturer : request.model, request.station, request.source_ae].filter((one) => one !== '');
  return (
    <>
      <h2>
        {request.patient_name === '' ? t('value.noName') : request.patient_name} <span className="num">{request.patient_id}</span>{' '}
        <small>
          {sex}
          {years === null ? '' : ` · ${t('value.years', { n: years })}`}
        </small>
      </h2>
      <p className="muted">
        {request.modality} {request.description} · {date(request.study_date)} · {device.join(' · ')}
      </p>
    </>
  );
}

interface CardProps {
  request: RepeatRequest;
  nowMs: number;
  chosen: boolean;
  onSeen: () => void;
  onClose: (outcome: 'done' | 'refused') => void;
}

function Card({ request, nowMs, chosen, onSeen, onClose }: CardProps) {
  const { t, language } = useTexts();
  const seen = request.state === 'acknowledged';
  const words = (one: RepeatRequest['reasons'][number]) => (language === 'zh' ? [one.message_zh, one.advice_zh] : [one.message_en, one.advice_en]);
  return (
    <article className={`room-card ${seen ? 'room-seen' : 'room-unseen'}${chosen ? ' chosen' : ''}`} data-request={request.id} data-state={request.state} aria-label={`${t(`room.ask.${request.ask}`)} ${request.patient_name}`}>
      <header>
        <b className="room-ask">
          <span aria-hidden="true">{request.ask === 'repeat' ? '↺' : '↥'}</span> {t(`room.ask.${request.ask}`)}
        </b>
        <span className="num">{waited((nowMs - Date.parse(request.at)) / 1000)}</span>
      </header>
      <Who request={request} />
      <ul className="room-reasons">
        {request.reasons.map((one) => (
          <li key={one.code}>
            <p className="room-reason">{words(one)[0]}</p>
            <p className="room-advice">→ {words(one)[1]}</p>
          </li>
        ))}
        {request.note !== '' && <li className="room-reason">“{request.note}”</li>}
      </ul>
      <p className="muted">
        {request.origin === 'automatic' ? t('room.byItself') : t('room.byPhysician', { name: request.name })} · {instant(request.at)}
        {seen && ` · ${t('room.seenBy', { name: request.seen_name, at: instant(request.seen_at) })}`}
      </p>
      <div className="room-acts">
        {!seen && (
          <Button type="primary" size="large" onClick={onSeen} data-testid="room-acknowledge">
            ✓ {t('room.acknowledge')}
          </Button>
        )}
        <Button size="large" onClick={() => onClose('refused')} data-testid="room-refuse">
          {t('room.refuse')}
        </Button>
        <Button size="large" onClick={() => onClose('done')}>
          {t('room.doneElsewhere')}
        </Button>
        <Link to={`/study/${encodeURIComponent(request.study)}`}>{t('room.open')}</Link>
      </div>
    </article>
  );
}

/** Which room this screen stands in: in the address, so that a browser may start with it. */
function Which({ filters, others }: { filters: RoomFilters; others: number }) {
  const { t } = useTexts();
  const facets = useRead<{ facets: Record<string, { value: string; count: number }[]> }>('/api/worklist/facets').data?.facets;
  const choice = (name: 'ae' | 'station', label: string) => {
    const there = (facets?.[name] ?? []).map((one) => one.value);
    const chosen = filters[name];
    const names = chosen === undefined || there.includes(chosen) ? there : [chosen, ...there];
    return (
      <Select
        allowClear
        value={filters[name] ?? null}
        placeholder={label}
        aria-label={label}
        data-testid={`room-${name}`}
        style={{ width: 160 }}
        popupMatchSelectWidth={false}
        options={names.map((value) => ({ value, label: value }))}
        onChange={(value: string | null | undefined) => navigate(roomPath({ ...filters, [name]: value ?? undefined }), true)}
      />
    );
  };
  return (
    <>
      {choice('ae', t('filter.ae'))}
      {choice('station', t('room.station'))}
      {others > 0 && <span className="chip chip-warn">! {t('room.others', { n: others })}</span>}
    </>
  );
}

function Closed({ rows }: { rows: readonly RepeatRequest[] }) {
  const { t, language } = useTexts();
  if (rows.length === 0) return null;
  return (
    <section className="room-closed">
      <h2>{t('room.closed')}</h2>
      <ul>
        {rows.map((one) => (
          <li key={one.id} data-closed={one.id}>
            <span className="num">{instant(one.closed_at)}</span> {one.patient_name} {one.modality} <span className="chip chip-quiet">{t(`repeat.state.${one.state}`)}</span> {language === 'zh' ? one.reason_zh : one.reason_en} {one.closing_note} {one.closed_name}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The requests of this room, with the one that keys serve. */
function useRequests(room: Room, filters: RoomFilters) {
  const { api } = useSession();
  const failureText = useFailureText();
  const [at, setAt] = useState(0);
  const [failure, setFailure] = useState<string | null>(null);
  const [closing, setClosing] = useState<{ request: RepeatRequest; outcome: 'done' | 'refused' } | null>(null);
  const open = room.open ?? room.read.data?.open ?? [];
  const here = forRoom(open, filters);
  const chosen = here[Math.min(at, here.length - 1)];
  const seen = (request: RepeatRequest | undefined) => {
    if (request?.state !== 'requested') return;
    api.send('POST', `/api/room/${encodeURIComponent(request.id)}/acknowledge`).then(
      () => setFailure(null),
      (error: unknown) => setFailure(failureText(error)),
    );
  };
  const close = (reason: string, note: string) =>
    closing === null ? Promise.resolve() : api.send('POST', `/api/room/${encodeURIComponent(closing.request.id)}/close`, { outcome: closing.outcome, reason, note }).then(room.read.reload);
  return { here, others: open.length - here.length, chosen, setAt, seen, closing, setClosing, close, failure };
}

export default function RoomPage() {
  const { t } = useTexts();
  const filters = roomOf(usePlace().search);
  const room = useRoom();
  const list = useRequests(room, filters);
  const { here, chosen, closing } = list;
  const unseen = here.filter((one) => one.state === 'requested').length;
  const { heard, test } = useAlarm(room.stands, room.heardMs !== null, unseen, here[0]?.id ?? '');
  const title = unseen > 0 ? `(${unseen}) ${t('room.title')}` : room.stands ? t('room.title') : `⚠ ${t('room.title')}`;
  useEffect(() => {
    const before = document.title;
    document.title = title;
    return () => {
      document.title = before;
    };
  }, [title]);
  const step = (by: number) => list.setAt((old) => Math.max(0, Math.min(here.length - 1, old + by)));
  useCommands({
    'room.acknowledge': () => list.seen(chosen),
    'room.refuse': () => chosen !== undefined && list.setClosing({ request: chosen, outcome: 'refused' }),
    'room.next': () => step(1),
    'room.previous': () => step(-1),
    'room.sound': test,
  });
  const closings = (room.read.data?.closings ?? []).filter((one) => (closing?.outcome === 'done' ? ['other_study', 'other'].includes(one.code) : one.code !== 'other_study'));
  return (
    <div className="page room" data-testid="room">
      <header className="room-head">
        <h1>{t('room.title')}</h1>
        <Which filters={filters} others={list.others} />
        <span className="grow" />
        <Sound heard={heard} test={test} />
      </header>
      <Line room={room} />
      {list.failure !== null && (
        <p className="note-warn" role="alert">
          ! {list.failure}
        </p>
      )}
      {room.open === null && room.read.data === null && (room.read.error === null ? <Loading label={t('room.connecting')} /> : <Failure error={room.read.error} onRetry={room.read.reload} />)}
      <div className="room-list" aria-live="assertive">
        {here.map((one) => (
          <Card key={one.id} request={one} nowMs={room.nowMs + room.aheadMs} chosen={one.id === chosen?.id} onSeen={() => list.seen(one)} onClose={(outcome) => list.setClosing({ request: one, outcome })} />
        ))}
        {here.length === 0 && room.open !== null && room.stands && <p className="room-none">✓ {t('room.none')}</p>}
      </div>
      <Closed rows={forRoom(room.read.data?.closed ?? [], filters)} />
      {closing !== null && <ClosingDialog title={t(closing.outcome === 'done' ? 'room.doneElsewhere' : 'room.refuse')} confirm={t('action.save')} closings={closings} act={list.close} onClose={() => list.setClosing(null)} />}
    </div>
  );
}
