import { Button } from 'antd';
import { useCallback, useEffect, useReducer, useRef, useState } from 'react';
import type { WorklistPage as Page } from '../api/types';
import type { LiveState } from '../api/live';
import { useCommands } from '../app/keys';
import { useLive } from '../app/live';
import { navigate, usePlace } from '../app/router';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { studyPage } from '../study/page';
import { Failure, Loading, Notice } from '../ui/states';
import { useFacets } from './facets';
import { FilterBar } from './FilterBar';
import { filtersOf, MORE_FILTERS, narrowed, pagePath, searchOf, type Filters } from './filters';
import { EMPTY, listReducer, type ListState, type Phase } from './list';
import { PresetBar } from './PresetBar';
import { usePresets, type Presets } from './presets';
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
  return { state, dispatch, error, live, reload, more, round };
}

/** The list opens with the standard preset, once; who then clears it is not asked again. */
function useStandard(presets: Presets, atHome: boolean, bare: boolean): void {
  const done = useRef(false);
  const kept = presets.kept;
  useEffect(() => {
    if (kept === null || done.current) return;
    done.current = true;
    const standard = kept.presets.find((preset) => preset.standard);
    if (atHome && bare && standard !== undefined) navigate(`/${searchOf(filtersOf(standard.query))}`, true);
  }, [kept, atHome, bare]);
}

/** What came or would stand elsewhere since the list was read; nothing moves before this is pressed. */
function News({ state, onShow }: { state: ListState; onShow: () => void }) {
  const { t } = useTexts();
  const [fresh, moved] = [state.fresh.length, state.moved.length];
  if (fresh === 0 && moved === 0) return null;
  return (
    <button type="button" className="fresh" onClick={onShow}>
      {fresh > 0 && t('worklist.fresh', { n: fresh })}
      {fresh > 0 && moved > 0 && ' · '}
      {moved > 0 && t('worklist.moved', { n: moved })}
    </button>
  );
}

const LOOKING_MS = 800;

/** The reading room's code, its drawing and its decoder. */
async function readingRoom(): Promise<void> {
  const [door] = await Promise.all([import('../viewer/cornerstone'), studyPage.fetch()]);
  await door.warmUp();
}

export function WorklistPage({ shown }: { shown: boolean }) {
  const { t } = useTexts();
  const { may } = useSession();
  const { path, search } = usePlace();
  // While a study is open the address is the study's; the list keeps its own filters.
  const [query, setQuery] = useState(path === '/' ? search : '');
  if (path === '/' && search !== query) setQuery(search);
  const filters = filtersOf(query);
  const { state, dispatch, error, live, reload, more, round } = useWorklist(filters);
  const presets = usePresets();
  useStandard(presets, path === '/', searchOf(filters) === '');
  const facets = useFacets(filters, round, shown);
  const [opened, setOpened] = useState(false);
  const searchBox = useRef<HTMLElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const change = (next: Filters) => navigate(`/${searchOf(next)}`, true);
  const screening = may('study.override') ? () => navigate(`/screening${searchOf(filters)}`) : undefined;

  // A selected row is an intent, and so is a reader who looks at the list for a while: the reading room is made ready.
  const intent = state.selected !== null;
  useEffect(() => {
    const timer = window.setTimeout(() => void readingRoom().catch(() => undefined), intent ? 0 : LOOKING_MS);
    return () => window.clearTimeout(timer);
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
      'list.positive': () => change({ ...filters, sort: filters.sort === 'finding' ? undefined : 'finding' }),
      'list.filters': () => setOpened(!opened),
      'list.clear': () => change({}),
      'list.preset': (key) => {
        const preset = presets.kept?.presets[Number(key) - 1];
        if (preset !== undefined) change(filtersOf(preset.query));
      },
      ...(screening === undefined ? {} : { 'list.screening': screening }),
    },
    shown,
  );

  return (
    <div className="page worklist" hidden={!shown}>
      <FilterBar filters={filters} facets={facets} more={opened || MORE_FILTERS.some((name) => filters[name] !== undefined)} searchBox={searchBox} onMore={() => setOpened(!opened)} onChange={change} />
      <PresetBar presets={presets} filters={filters} onChange={change} onScreening={screening} />
      <div className="list-frame" ref={scroller}>
        <News
          state={state}
          onShow={() => {
            reload();
            scroller.current?.scrollTo({ top: 0 });
          }}
        />
        {state.rows.length === 0 && <NoRows phase={state.phase} filtered={narrowed(filters)} error={error} onRetry={reload} />}
        {state.rows.length > 0 && (
          <>
            <RowTable rows={state.rows} selected={state.selected} withdrawn={state.withdrawn} stale={state.phase !== 'ready'} sort={filters.sort} onSort={(sort) => change({ ...filters, sort })} onSelect={(study) => dispatch({ kind: 'select', study })} onOpen={(study) => navigate(studyUrl(study))} />
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
