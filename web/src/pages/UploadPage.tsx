import { Alert, Button, Progress } from 'antd';
import { useRef, useState } from 'react';
import { useTexts } from '../i18n';
import { bytes } from '../ui/format';
import { Link } from '../ui/Link';
import { useFailureText } from '../ui/states';
import { filesOfDrop } from './dropped';
import { useUpload, type Tally } from './uploading';

function Outcome({ tally }: { tally: Tally }) {
  const { t, said } = useTexts();
  return (
    <>
      <dl className="facts wide">
        <dt>{t('upload.accepted')}</dt>
        <dd className="num">{tally.accepted}</dd>
        <dt>{t('upload.duplicates')}</dt>
        <dd className="num">{tally.duplicates}</dd>
        <dt>{t('upload.quarantined')}</dt>
        <dd className="num">{tally.quarantined.length}</dd>
        {tally.refused.length > 0 && (
          <>
            <dt>{t('upload.refused')}</dt>
            <dd className="num">{tally.refused.length}</dd>
          </>
        )}
      </dl>
      {[...tally.quarantined, ...tally.refused].length > 0 && (
        <ul className="cards">
          {[...tally.quarantined, ...tally.refused].slice(0, 200).map((item, index) => (
            <li key={index}>
              <b>{item.name_hint === undefined || item.name_hint === '' ? '—' : item.name_hint}</b> {said(item)} <span className="muted">{item.code}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

export default function UploadPage() {
  const { t } = useTexts();
  const { tally, progress, start, retry, stop } = useUpload();
  const failureText = useFailureText();
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [unreadable, setUnreadable] = useState(false);
  const take = (list: FileList | null) => start(list === null ? [] : [...list]);
  return (
    <div className="page form-page">
      <h1>{t('nav.upload')}</h1>
      <div
        className={over ? 'drop over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          setUnreadable(false);
          filesOfDrop(event.dataTransfer).then(start, () => setUnreadable(true));
        }}
      >
        <p className="drop-title">{t('upload.drop')}</p>
        <p className="muted">{t('upload.what')}</p>
        <div className="form-end">
          <Button onClick={() => files.current?.click()}>{t('upload.chooseFiles')}</Button>
          <Button onClick={() => folder.current?.click()}>{t('upload.chooseFolder')}</Button>
        </div>
        <input ref={files} type="file" multiple hidden onChange={(event) => take(event.target.files)} data-testid="files" />
        <input ref={folder} type="file" multiple hidden {...{ webkitdirectory: '' }} onChange={(event) => take(event.target.files)} />
      </div>
      {unreadable && <Alert type="error" showIcon title={t('upload.unreadable')} />}
      {tally !== null && (
        <section className="sheet" aria-live="polite">
          <Progress percent={tally.phase === 'done' ? 100 : Math.floor((100 * tally.sentBytes) / Math.max(1, tally.bytes))} status={tally.phase === 'failed' ? 'exception' : tally.phase === 'done' ? 'success' : 'normal'} />
          <p data-testid="upload-state">
            {t(`upload.${tally.phase}`)} · {t('upload.progress', { sent: tally.sentFiles, files: tally.files })} · {bytes(tally.sentBytes)} / {bytes(tally.bytes)}
          </p>
          {progress !== null && (
            <div className="form-end">
              <Button onClick={stop}>{t('upload.stop')}</Button>
            </div>
          )}
          {(tally.phase === 'failed' || tally.phase === 'stopped') && (
            <Alert
              type={tally.phase === 'failed' ? 'error' : 'warning'}
              showIcon
              title={tally.phase === 'failed' ? failureText(tally.failure) : t('upload.stopped')}
              action={<Button onClick={retry}>{t('upload.goOn')}</Button>}
            />
          )}
          <Outcome tally={tally} />
          {tally.phase === 'done' && <Link to="/">{t('upload.toList')}</Link>}
        </section>
      )}
    </div>
  );
}
