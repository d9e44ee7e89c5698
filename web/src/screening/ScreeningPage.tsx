import { Button } from 'antd';
import { useState } from 'react';
import { useCommands } from '../app/keys';
import { navigate, usePlace } from '../app/router';
import { useSession } from '../app/session';
import { useTexts, type Key } from '../i18n';
import { instant } from '../ui/format';
import { Failure, Loading, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { filtersOf } from '../worklist/filters';
import type { AiSetting, Batch, Summary } from './batch';
import { Described } from './Described';
import { Reader } from './Reader';

const open = (batch: string) => navigate(`/screening/${encodeURIComponent(batch)}`);

const AI_NOTE: Record<AiSetting, Key> = { after: 'screen.aiHidden', before: 'screen.aiBefore', never: 'screen.aiNever' };

/** Begin a batch with the list's filter, or go on with one that was left or lost in a crash. */
function Start({ search }: { search: string }) {
  const { t } = useTexts();
  const { api } = useSession();
  const textOf = useFailureText();
  const batches = useRead<{ batches: Summary[]; ai_setting: AiSetting }>('/api/screening');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const begin = () => {
    if (busy) return;
    setBusy(true);
    api.send<Summary>('POST', '/api/screening', { filters: filtersOf(search) }).then(
      (made) => open(made.batch),
      (failure: unknown) => {
        setError(failure);
        setBusy(false);
      },
    );
  };
  useCommands({ 'screen.begin': begin, 'view.back': () => navigate(`/${search}`) });
  const left = batches.data?.batches ?? [];
  return (
    <div className="page form-page screen-start">
      <h1>{t('screen.title')}</h1>
      <p>{t('screen.intro')}</p>
      {batches.data !== null && <p className="muted">{t(AI_NOTE[batches.data.ai_setting])}</p>}
      <h2>{t('screen.filters')}</h2>
      <Described filters={filtersOf(search)} />
      {error !== null && (
        <p className="note-warn" role="alert">
          {t('screen.nothing')} {textOf(error)}
        </p>
      )}
      <div>
        <Button type="primary" onClick={begin} loading={busy} data-testid="screen-start">
          {t('screen.start')} <kbd>Enter</kbd>
        </Button>
      </div>
      <h2>{t('screen.open.title')}</h2>
      {batches.data === null && batches.error === null && <Loading label={t('state.loadingPage')} />}
      {batches.data !== null && left.length === 0 && <p className="muted">{t('screen.open.none')}</p>}
      <ul className="cards">
        {left.map((batch) => (
          <li key={batch.batch} className="card-head">
            {t('screen.batchOf', { at: instant(batch.created), total: batch.tally.total, left: batch.tally.left })}
            {batch.query !== '' && <Described filters={filtersOf(batch.query)} />}
            <span className="spacer" />
            <Button size="small" onClick={() => open(batch.batch)} data-testid="screen-resume">
              {t('screen.resume')}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Opened({ batch }: { batch: string }) {
  const { t } = useTexts();
  const read = useRead<Batch>(`/api/screening/${encodeURIComponent(batch)}`);
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  return <Reader key={batch} batch={read.data} onReload={read.reload} />;
}

export default function ScreeningPage() {
  const { path, search } = usePlace();
  const batch = /^\/screening\/([^/]+)$/.exec(path)?.[1];
  return batch === undefined ? <Start search={search} /> : <Opened key={batch} batch={decodeURIComponent(batch)} />;
}
