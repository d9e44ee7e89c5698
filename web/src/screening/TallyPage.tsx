import { Button } from 'antd';
import { useState } from 'react';
import { useCommands } from '../app/keys';
import { navigate } from '../app/router';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { Link } from '../ui/Link';
import { useFailureText } from '../ui/states';
import { differs, type Batch, type Item, type Tally } from './batch';

interface Props {
  batch: Batch;
  items: readonly Item[];
  tally: Tally;
  onUndo: (() => void) | null;
  onLeft: () => void;
}

/** The end of a batch: how many of each, what is left, and what somebody should look at again. */
export function TallyPage({ batch, items, tally, onUndo, onLeft }: Props) {
  const { t } = useTexts();
  const { api } = useSession();
  const textOf = useFailureText();
  const [closed, setClosed] = useState(batch.closed !== null);
  const [error, setError] = useState<unknown>(null);
  const close = () => {
    if (closed) {
      navigate('/');
      return;
    }
    api.send('POST', `/api/screening/${encodeURIComponent(batch.batch)}/close`).then(
      () => {
        setClosed(true);
        setError(null);
      },
      setError,
    );
  };
  useCommands({ 'screen.begin': close, 'view.back': () => navigate('/'), ...(onUndo === null || closed ? {} : { 'screen.undo': onUndo }) });
  const differing = items.filter(differs);
  const toSee = items.filter((item) => item.read !== null && item.read.decision !== 'normal');
  const rows = [
    [t('screen.normal'), tally.normal],
    [t('screen.suspicious'), tally.suspicious],
    [t('screen.repeat'), tally.repeat],
    [t('screen.left'), tally.left],
    [t('screen.total'), tally.total],
    ...(batch.ai_setting === 'never' ? [] : [[t('screen.differing'), differing.length] as const]),
  ] as const;
  const seen = [...new Set([...toSee, ...differing])];
  return (
    <div className="page screen-tally" data-testid="screen-tally">
      <h1>{t('screen.tally')}</h1>
      <dl className="tally">
        {rows.map(([label, count]) => (
          <div key={label}>
            <dd className="num">{count}</dd>
            <dt>{label}</dt>
          </div>
        ))}
      </dl>
      {seen.length > 0 && <h2>{t('screen.toSee')}</h2>}
      <ul className="cards">
        {seen.map((item) => (
          <li key={item.study} className="card-head">
            <Link to={`/study/${encodeURIComponent(item.study)}`} className="name">{item.patient_name}</Link>
            <span className="num">{item.patient_id}</span>
            <span>{item.read !== null && t(`screen.${item.read.decision}`)}</span>
            {differs(item) && <span className="warn-text">{t('screen.differing')}</span>}
          </li>
        ))}
      </ul>
      {error !== null && <p className="note-warn" role="alert">{textOf(error)}</p>}
      {closed && <p role="status">{t('screen.closed')}</p>}
      <div className="form-end">
        {!closed && onUndo !== null && <Button onClick={onUndo}>{t('screen.undo')} <kbd>U</kbd></Button>}
        {!closed && tally.left > 0 && <Button onClick={onLeft}>{t('screen.toLeft')}</Button>}
        <Button type="primary" onClick={close} data-testid="screen-close">
          {closed ? t('action.back') : t('screen.close')} <kbd>Enter</kbd>
        </Button>
      </div>
    </div>
  );
}
