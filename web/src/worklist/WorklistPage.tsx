import { Button } from 'antd';
import { useCallback, useEffect, useReducer, useRef, useState } from 'react';
import type { WorklistPage as Page } from '../api/types';
import type { LiveState } from '../api/live';
import { useCommands } from '../app/keys';
import { useLive } from '../app/live';
import { navigate, usePlace } from '../app/router';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { Failure, Loading, Notice } from '../ui/states';
import { FilterBar } from './FilterBar';
import { filtersOf, pagePath, searchOf, type Filters } from './filters';
import { EMPTY, listReducer, type Phase } from './list';
import { RowTable } from './RowTable';

const studyUrl = (study: string) => `/study/${encodeURIComponent(study)}`;

function LiveMark({ state }: { state: LiveState }) {
  const { t } = useTexts();
  return (
    <span className={`live live-${state}`} role="status">
      <i aria-hidden="true">{state === 'live' ? '●' : state === 'lost' ? '✕' : '◌'}</i> {t(`live.${state}`)}
    </span>
  );
}

/** Nothing to show: still reading, could not read, or really nothing. */
function NoRows({ phase, filtered, error, onRetry }: { phase: Phase; filtered: boolean; error: unknown; onRetry: () => void }) {
  const { t } = useTexts();
  if (phase === 'failed') return <Failure error={error} onRetry={onRetry} />;
  if (phase === 'loading') return <Loading label={t('state.loadingList')} />;
  return (
    <Notice tone="info" title={filtered ? t('worklist.noneMatch') : t('worklist.empty')}>
      {filtered && <Button onClick={() => navigate('/', true)}>{t('filter.clear')}</Button>}
    </Notice>
  );
}

/** List state and everything that reads it from the server. */
function useWorklist(filters: Filters) {
  const { api, me, reachable } = useSession();
  const [state, dispatch] = useReducer(listReducer, EMPTY);
  const [error, setError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const query = searchOf(filters);
  useEffect(() => {
    const stop = new AbortController();
    dispatch({ kind: 'reload' });
    api.get<Page>(pagePath(filtersOf(query), null), stop.signal).then(
      (page) => {
        setError(null);
        dispatch({ kind: 'first', page });
      },
      (failure: unknown) => {
        if (stop.signal.aborted) return;
        setError(failure);
        dispatch({ kind: 'failed' });
      },
    );
    return () => stop.abort();
  }, [api, query, round]);

  const failed = state.phase === 'failed';
  const reload = useCallback(() => setRound((old) => old + 1), []);
  // What failed for want of a network or a session is tried again by itself when that is back.
  const csrf = me?.csrf;
  const recover = useRef(failed);
  useEffect(() => {
    recover.current = failed;
  });
  useEffect(() => {
    if (reachable && recover.current) reload();
  }, [reachable, csrf, reload]);

  const live = useLive({
    onEvent: (event) => dispatch({ kind: 'event', event, filters }),
    onGap: () => {
      api.get<Page>(pagePath(filters, null)).then(
        (page) => dispatch({ kind: 'caughtUp', page }),
        () => undefined, // the banner already says that the appliance does not answer
      );
    },
  });

  const more = () => {
    if (state.next === null || state.loadingMore) return;
    dispatch({ kind: 'moreAsked' });
    api.get<Page>(pagePath(filters, state.next)).then(
      (page) => dispatch({ kind: 'more', page }),
      (failure: unknown) => {
        setError(failure);
        dispatch({ kind: 'moreFailed' });
      },
    );
  };
  return { state, dispatch, error, live, reload, more };
}

export function WorklistPage({ shown }: { shown: boolean }) {
  const { t } = useTexts();
  const { path, search } = usePlace();
  // While a study is open the address is the study's; the list keeps its own filters.
  const [query, setQuery] = useState(path === '/' ? search : '');
  if (path === '/' && search !== query) setQuery(search);
  const filters = filtersOf(query);
  const { state, dispatch, error, live, reload, more } = useWorklist(filters);
  const searchBox = useRef<HTMLElement>(null);
  const scroller = useRef<HTMLDivElement>(null);

  // A selected row is an intent: fetch the reading room's code meanwhile.
  const intent = state.selected !== null;
  useEffect(() => {
    if (intent) void import('../study/StudyPage').catch(() => undefined);
  }, [intent]);

  const step = (by: 1 | -1) => dispatch({ kind: 'step', by });
  useCommands(
    {
      'list.search': () => searchBox.current?.querySelector('input')?.focus(),
      'list.down': () => step(1),
      'list.up': () => step(-1),
      'list.open': () => {
        if (state.selected !== null) navigate(studyUrl(state.selected));
      },
      'list.refresh': reload,
    },
    shown,
  );

  return (
    <div className="page worklist" hidden={!shown}>
      <FilterBar filters={filters} searchBox={searchBox} onChange={(next) => navigate(`/${searchOf(next)}`, true)} />
      <div className="list-frame" ref={scroller}>
        {state.fresh.length > 0 && (
          <button
            type="button"
            className="fresh"
            onClick={() => {
              reload();
              scroller.current?.scrollTo({ top: 0 });
            }}
          >
            {t('worklist.fresh', { n: state.fresh.length })}
          </button>
        )}
        {state.rows.length === 0 && <NoRows phase={state.phase} filtered={searchOf(filters) !== ''} error={error} onRetry={reload} />}
        {state.rows.length > 0 && (
          <>
            <RowTable rows={state.rows} selected={state.selected} withdrawn={state.withdrawn} stale={state.phase !== 'ready'} onSelect={(study) => dispatch({ kind: 'select', study })} onOpen={(study) => navigate(studyUrl(study))} />
            {state.next !== null && (
              <div className="more">
                <Button onClick={more} loading={state.loadingMore} data-testid="more">
                  {t('worklist.more')}
                </Button>
              </div>
            )}
          </>
        )}
      </div>
      <footer className="statusbar">
        <span data-testid="count">{t('worklist.count', { shown: state.rows.length, total: state.total })}</span>
        {state.phase === 'loading' && state.rows.length > 0 && <span>{t('state.loadingList')}</span>}
        {state.phase === 'failed' && state.rows.length > 0 && <span className="warn-text">{t('worklist.stale')}</span>}
        <span className="spacer" />
        <LiveMark state={live} />
        <span className="muted">{t('worklist.keys')}</span>
      </footer>
    </div>
  );
}
