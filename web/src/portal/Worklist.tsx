import { Button, Input, Select } from 'antd';
import { useCallback, useEffect, useReducer, useRef, useState } from 'react';
import type { LiveState } from '../api/live';
import { useCommands } from '../app/keys';
import { navigate, usePlace } from '../app/router';
import { useSession } from '../app/session';
import { Deadline, PlaceChip, placeOf, UrgencyChip, useNow, useSpan } from '../consult/Marks';
import { useTexts, type Key } from '../i18n';
import { bytes } from '../ui/format';
import { Link } from '../ui/Link';
import { Failure, Loading, Notice } from '../ui/states';
import { AssignDialog } from './AssignDialog';
import { makeReady } from './caseRoom';
import { EMPTY_LIST, listPath, listReducer, type ListState } from './list';
import { usePortalLive } from './live';
import type { ConsultRow } from './types';

const CLOSED = new Set(['completed', 'rejected', 'failed', 'cancelled']);
const STATES = ['open', 'mine', 'closed'] as const;
const COLUMNS: [Key, string][] = [
  ['portal.column.rank', 'p-rank right'],
  ['portal.column.urgency', 'p-urgency'],
  ['portal.column.deadline', 'p-deadline'],
  ['portal.column.why', ''],
  ['portal.column.kind', 'p-kind'],
  ['portal.column.state', 'p-state'],
  ['portal.column.hospital', 'p-hospital'],
  ['portal.column.waiting', 'p-waiting'],
  ['portal.column.owner', 'p-owner'],
  ['portal.column.size', 'p-size right'],
  ['portal.column.unseen', 'p-unseen'],
];
const READY_MS = 100; // after the list itself is drawn

export const caseUrl = (consult: string) => `/case/${encodeURIComponent(consult)}`;

function LiveMark({ state }: { state: LiveState }) {
  const { t } = useTexts();
  return (
    <span className={`live live-${state}`} role="status">
      <i aria-hidden="true">{state === 'live' ? '●' : state === 'lost' ? '✕' : '◌'}</i> {t(`live.${state}`)}
    </span>
  );
}

interface LineProps {
  row: ConsultRow;
  selected: boolean;
  now: number;
  opens: boolean;
  onSelect: () => void;
  onAssign: (() => void) | null;
}

function Line({ row, selected, now, opens, onSelect, onAssign }: LineProps) {
  const { t, language } = useTexts();
  const said = useSpan();
  const line = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (selected) line.current?.scrollIntoView({ block: 'nearest' });
  }, [selected]);
  const closed = CLOSED.has(row.state);
  const kind = t(`consult.kind.${row.kind}`);
  return (
    <tr ref={line} aria-selected={selected} className={selected ? 'selected' : ''} onClick={onSelect} onDoubleClick={() => opens && navigate(caseUrl(row.id))} data-consult={row.id}>
      <td className="num right">{row.rank}</td>
      <td>
        <UrgencyChip urgency={row.urgency} />
      </td>
      <td>
        <Deadline at={row.deadline_at} now={now} closed={closed} />
      </td>
      <td className="ellipsis why" title={language === 'zh' ? row.reason_zh : row.reason_en}>
        {language === 'zh' ? row.reason_zh : row.reason_en}
      </td>
      <td>
        {opens ? (
          <Link to={caseUrl(row.id)} className="name">
            {kind}
          </Link>
        ) : (
          <b>{kind}</b>
        )}
      </td>
      <td>
        <PlaceChip place={placeOf(row.state, row.business_state)} />
      </td>
      <td className="ellipsis" title={row.hospital_name}>
        {row.hospital_name}
      </td>
      <td className="num">{closed ? '—' : said(row.waiting_s)}</td>
      <td className="ellipsis">
        {row.owner_name ?? <span className="muted">{t('portal.nobody')}</span>}
        {onAssign !== null && !closed && (
          <button type="button" className="link-button" onClick={onAssign}>
            {t('assign.button')}
          </button>
        )}
      </td>
      <td className="num right">{bytes(row.bytes)}</td>
      <td>{row.unseen > 0 && <span className="unseen">{t('portal.unseen', { n: row.unseen })}</span>}</td>
    </tr>
  );
}

/** Nothing to show: still reading, could not read, or really nothing. */
function NoRows({ phase, filtered, error, onRetry }: { phase: ListState['phase']; filtered: boolean; error: unknown; onRetry: () => void }) {
  const { t } = useTexts();
  if (phase === 'failed') return <Failure error={error} onRetry={onRetry} />;
  if (phase === 'loading') return <Loading label={t('state.loadingList')} />;
  return <Notice tone="info" title={filtered ? t('portal.noneMatch') : t('portal.empty')} />;
}

function useConsults(query: string) {
  const { api, me, reachable } = useSession();
  const [state, dispatch] = useReducer(listReducer, EMPTY_LIST);
  const [error, setError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const csrf = me?.csrf;
  const person = me?.id ?? '';
  useEffect(() => {
    const stop = new AbortController();
    dispatch({ kind: 'reload' });
    const mine = new URLSearchParams(query).get('state') === 'mine';
    api.get<{ rows: ConsultRow[] }>(listPath(query), stop.signal).then(
      ({ rows: all }) => {
        const rows = mine ? all.filter((row) => row.owner === person) : all;
        setError(null);
        dispatch({ kind: 'read', rows });
      },
      (failure: unknown) => {
        if (stop.signal.aborted) return;
        setError(failure);
        dispatch({ kind: 'failed' });
      },
    );
    return () => stop.abort();
    // A log-in or a network that came back reads again.
  }, [api, query, round, csrf, person, reachable]);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  // Nothing stands under the cursor in an empty list: what comes first is shown by itself.
  const first = state.phase === 'ready' && state.rows.length === 0 && state.fresh.length > 0;
  useEffect(() => {
    if (first) reload();
  }, [first, reload]);
  const live = usePortalLive({ onEvent: (event) => dispatch({ kind: 'event', event }), onGap: reload });
  return { state, dispatch, error, reload, live };
}

export function Worklist({ shown }: { shown: boolean }) {
  const { t } = useTexts();
  const { may } = useSession();
  const { path, search } = usePlace();
  const [query, setQuery] = useState(path === '/' ? search : '');
  if (path === '/' && search !== query) setQuery(search);
  const asked = new URLSearchParams(query);
  const { state, dispatch, error, reload, live } = useConsults(query);
  const [assigning, setAssigning] = useState<ConsultRow | null>(null);
  const now = useNow();
  const searchBox = useRef<HTMLDivElement>(null);
  const opens = may('consult.read');

  const listed = state.rows.length > 0;
  useEffect(() => {
    // Who looks at the list opens a case next: the reading room is made ready while they read.
    if (!listed || !opens) return;
    const timer = window.setTimeout(() => void makeReady().catch(() => undefined), READY_MS);
    return () => window.clearTimeout(timer);
  }, [listed, opens]);

  function ask(name: string, value: string): void {
    const next = new URLSearchParams(query);
    if (value === '') next.delete(name);
    else next.set(name, value);
    const text = next.toString();
    navigate(text === '' ? '/' : `/?${text}`, true);
  }

  useCommands(
    {
      'list.search': () => searchBox.current?.querySelector('input')?.focus(),
      'list.down': () => dispatch({ kind: 'step', by: 1 }),
      'list.up': () => dispatch({ kind: 'step', by: -1 }),
      'list.open': () => {
        if (opens && state.selected !== null) navigate(caseUrl(state.selected));
      },
      'list.refresh': reload,
    },
    shown,
  );

  const filtered = query !== '';
  return (
    <div className="page worklist portal-list" hidden={!shown}>
      <div className="filters" ref={searchBox}>
        <Select
          aria-label={t('portal.column.state')}
          className="filter-state"
          value={asked.get('state') ?? 'open'}
          options={STATES.map((value) => ({ value, label: t(`portal.filter.${value}`) }))}
          onChange={(value: string) => ask('state', value === 'open' ? '' : value)}
        />
        <Input.Search className="filter-q" allowClear placeholder={t('portal.filter.q')} aria-label={t('portal.filter.q')} value={asked.get('q') ?? ''} onChange={(event) => ask('q', event.target.value)} data-testid="search" />
      </div>
      <div className="list-frame">
        {state.fresh.length > 0 && (
          <button type="button" className="fresh" onClick={reload}>
            {t('portal.fresh', { n: state.fresh.length })}
          </button>
        )}
        {state.rows.length === 0 && <NoRows phase={state.phase} filtered={filtered} error={error} onRetry={reload} />}
        {state.rows.length > 0 && (
          <table className={state.phase === 'ready' ? 'grid' : 'grid stale'} aria-label={t('portal.nav.list')} aria-busy={state.phase === 'loading'}>
            <thead>
              <tr>
                {COLUMNS.map(([label, width]) => (
                  <th key={label} scope="col" className={width}>
                    {t(label)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {state.rows.map((row) => (
                <Line key={row.id} row={row} selected={row.id === state.selected} now={now} opens={opens} onSelect={() => dispatch({ kind: 'select', id: row.id })} onAssign={may('consult.assign') ? () => setAssigning(row) : null} />
              ))}
            </tbody>
          </table>
        )}
      </div>
      <footer className="statusbar">
        <span data-testid="count">{t('portal.count', { n: state.rows.length })}</span>
        {state.phase === 'failed' && state.rows.length > 0 && <span className="warn-text">{t('worklist.stale')}</span>}
        <span className="spacer" />
        <LiveMark state={live} />
        <span className="muted">{t('portal.sealedNote')}</span>
        {filtered && (
          <Button size="small" type="text" onClick={() => navigate('/', true)}>
            {t('filter.clear')}
          </Button>
        )}
      </footer>
      {assigning !== null && <AssignDialog row={assigning} onClose={() => setAssigning(null)} onDone={reload} />}
    </div>
  );
}
