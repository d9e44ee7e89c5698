import { Button } from 'antd';
import { useCallback, useEffect, useRef, useState } from 'react';
import { ServerRefused, Unreachable } from '../api/client';
import type { Manifest, ScreeningDecision } from '../api/types';
import { useCommands } from '../app/keys';
import { navigate } from '../app/router';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { PlainChip, QcChip } from '../ui/chips';
import { ageYears, date, time } from '../ui/format';
import { useFailureText } from '../ui/states';
import { begun, decided, differs, lastDecided, refreshed, stepped, takenBack, upcoming, type Batch, type Item, type Progress, type Tally } from './batch';
import { Film, manifestPath, sourcesOf } from './Film';
import { TallyPage } from './TallyPage';

const DECISIONS: { decision: ScreeningDecision; key: string; tone: 'good' | 'warn' | 'bad' }[] = [
  { decision: 'normal', key: '1', tone: 'good' },
  { decision: 'suspicious', key: '2', tone: 'warn' },
  { decision: 'repeat', key: '3', tone: 'bad' },
];
const READ_MEANWHILE = 'E6017';

interface Unsent {
  one: Item;
  decision: ScreeningDecision | '';
}

/** What the AI said of a radiograph, where it may be seen. */
function Said({ item }: { item: Item }) {
  const { t } = useTexts();
  if (item.ai === null) return null;
  const { finding, tb_score: score } = item.ai;
  const words = finding === 'none' ? t('screen.aiNone') : t(`home.finding.${finding}`);
  return <>{t('screen.aiSaid', { said: score === null ? words : `${words} ${score.toFixed(2)}` })}</>;
}

function Last({ item }: { item: Item | null }) {
  const { t } = useTexts();
  if (item?.read == null) return null;
  const differ = differs(item);
  return (
    <div className={differ ? 'screen-last note-warn' : 'screen-last'} role="status" data-testid="screen-last">
      <p>{t('screen.previousWas', { name: item.patient_name, decision: t(`screen.${item.read.decision}`) })}</p>
      {item.ai !== null && (
        <p>
          <Said item={item} />
          {item.ai.finding !== 'none' && item.read.decision !== 'repeat' && <> · {t(differ ? 'screen.differ' : 'screen.agree')}</>}
        </p>
      )}
    </div>
  );
}

function Facts({ item }: { item: Item }) {
  const { t } = useTexts();
  const years = ageYears(item.birth_date, item.study_date);
  const sex = item.sex === 'M' || item.sex === 'F' || item.sex === 'O' ? t(`sex.${item.sex}`) : '—';
  return (
    <dl className="facts screen-facts">
      <dt>{t('column.patient')}</dt>
      <dd><b>{item.patient_name === '' ? t('value.noName') : item.patient_name}</b></dd>
      <dt>{t('column.patientId')}</dt>
      <dd>{item.patient_id}</dd>
      <dt>{t('column.sexAge')}</dt>
      <dd>{sex}{years === null ? '' : ` ${years}`}</dd>
      <dt>{t('column.studyDate')}</dt>
      <dd>{date(item.study_date)} {time(item.study_time)}</dd>
      <dt>{t('column.institution')}</dt>
      <dd>{item.institution}</dd>
      <dt>{t('column.qc')}</dt>
      <dd><QcChip state={item.qc} />{item.urgent && <PlainChip tone="bad" glyph="!" label={t('flag.urgent')} />}</dd>
    </dl>
  );
}

/** Fetches the next radiograph while this one is looked at; says which one is ready. */
function usePreloaded(next: Item | null): string {
  const { api } = useSession();
  const [ready, setReady] = useState('');
  const [study, uid] = [next?.study ?? '', next?.study_uid ?? ''];
  useEffect(() => {
    if (study === '') return;
    const stop = new AbortController();
    const fetched = async () => {
      const manifest = await api.get<Manifest>(manifestPath(study), stop.signal);
      const door = await import('../viewer/cornerstone');
      await door.preload(sourcesOf({ study_uid: uid }, manifest));
      if (!stop.signal.aborted) setReady(study);
    };
    // What could not be fetched ahead is fetched when it is shown, and fails there in plain words.
    fetched().catch(() => undefined);
    return () => stop.abort();
  }, [api, study, uid]);
  return ready;
}

/** One radiograph after another: a key, a record, the next one. */
export function Reader({ batch, onReload }: { batch: Batch; onReload: () => void }) {
  const { t } = useTexts();
  const { api, reachable } = useSession();
  const textOf = useFailureText();
  const [progress, setProgress] = useState<Progress>(() => begun(batch.items));
  const [seen, setSeen] = useState(batch);
  if (seen !== batch) {
    setSeen(batch);
    setProgress(refreshed(progress, batch.items));
  }
  const [tally, setTally] = useState<Tally>(batch.tally);
  const [shown, setShown] = useState('');
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const item = progress.items[progress.at];
  const ready = usePreloaded(upcoming(progress));
  const mayDecide = item !== undefined && shown === item.study && !saving && batch.closed === null;

  /** What could not be sent for want of a network. */
  const [unsent, setUnsent] = useState<Unsent | null>(null);

  const send = async ({ one, decision }: Unsent) => {
    const after = decision === '' ? takenBack : decided;
    setSaving(true);
    setUnsent(null);
    try {
      const body = { study: one.study, decision, supersedes: one.read?.id ?? '', result_version: one.result_version };
      const answer = await api.send<{ item: Item; tally: Tally }>('POST', `/api/screening/${encodeURIComponent(batch.batch)}/reads`, body);
      setTally(answer.tally);
      setProgress((old) => after(old, answer.item));
      setError(null);
    } catch (failure) {
      setError(failure);
      if (failure instanceof Unreachable) setUnsent({ one, decision });
      // Another decision stands: read anew, show it, let this reader decide again knowing it.
      if (failure instanceof ServerRefused && failure.said.code === READ_MEANWHILE) onReload();
    } finally {
      setSaving(false);
    }
  };
  const decide = (decision: ScreeningDecision) => {
    if (mayDecide) void send({ one: item, decision });
  };
  const last = lastDecided(progress);
  const undo = () => {
    if (last !== null && !saving) void send({ one: last, decision: '' });
  };
  // The network is back: what was decided is sent, as the page says it will be.
  const again = useRef<() => void>(() => undefined);
  useEffect(() => {
    again.current = () => {
      if (unsent !== null && !saving) void send(unsent);
    };
  });
  useEffect(() => {
    if (reachable) again.current();
  }, [reachable]);
  const step = (by: 1 | -1) => {
    if (unsent !== null) return; // first the one that waits to be saved
    setError(null);
    setProgress(stepped(progress, by));
  };
  const leave = () => navigate('/');
  useCommands({
    'screen.normal': () => decide('normal'),
    'screen.suspicious': () => decide('suspicious'),
    'screen.repeat': () => decide('repeat'),
    'screen.undo': undo,
    'screen.next': () => step(1),
    'screen.previous': () => step(-1),
    'view.back': leave,
  });
  const onShown = useCallback((study: string) => setShown(study), []);
  if (item === undefined) {
    return <TallyPage batch={batch} items={progress.items} tally={tally} onUndo={last === null ? null : undo} onLeft={() => setProgress(begun(progress.items))} />;
  }
  const note = item.ai !== null ? '' : t(batch.ai_setting === 'never' ? 'screen.aiNever' : 'screen.aiHidden');
  return (
    <div className="page screen" data-testid="screen" data-study={item.study} data-ready={ready}>
      <Film key={item.study} item={item} note={note} onShown={onShown} />
      <aside className="screen-side" aria-label={t('screen.title')}>
        <p className="screen-progress" data-testid="screen-progress">{t('screen.progress', { at: progress.at + 1, total: progress.items.length, left: tally.left })}</p>
        <progress value={tally.total - tally.left} max={tally.total} aria-hidden="true" />
        <Facts item={item} />
        {item.read !== null && <p className="screen-read">{t('screen.decided', { decision: t(`screen.${item.read.decision}`), name: item.read.name })}</p>}
        {item.ai !== null && <p className="screen-read"><Said item={item} /></p>}
        <div className="screen-keys">
          {DECISIONS.map(({ decision, key, tone }) => (
            <button key={decision} type="button" className={`screen-key screen-${tone}`} disabled={!mayDecide} aria-pressed={item.read?.decision === decision} onClick={() => decide(decision)} data-testid={`screen-${decision}`}>
              <kbd>{key}</kbd> {t(`screen.${decision}`)}
            </button>
          ))}
        </div>
        <p className="muted screen-state" role="status">{saving ? t('screen.saving') : mayDecide ? ' ' : t('screen.waiting')}</p>
        {error !== null && (
          <p className="note-warn" role="alert" data-testid="screen-error">
            {t('screen.notSaved')}
            {textOf(error)} {error instanceof ServerRefused && error.said.code === READ_MEANWHILE && t('screen.otherDecided')}
          </p>
        )}
        <Last item={last} />
        <span className="spacer" />
        <div className="screen-end">
          <Button size="small" disabled={last === null || saving} onClick={undo} data-testid="screen-undo">{t('screen.undo')} <kbd>U</kbd></Button>
          <Button size="small" onClick={leave}>{t('screen.leave')}</Button>
        </div>
      </aside>
    </div>
  );
}
