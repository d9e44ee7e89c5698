/**
 * A forgotten passphrase: the recovery file goes to the hospital, which opens it with its printed key and wraps the
 * same keys under a new passphrase; what comes back is loaded here. The hub keeps both files and can open neither.
 */
import { Alert, Button, Input } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { fromBase64url, toBase64url } from '../seals/text';
import { SealRefused } from '../seals/client';
import { useSealFailureText } from './failure';
import { useOwner } from './owner';
import { useKeys } from './seals';
import type { StoredKey } from './types';

const MOST_BYTES = 64 * 1024;

/** Hands the browser a file to keep. */
function download(name: string, data: BlobPart): void {
  const url = URL.createObjectURL(new Blob([data], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function RecoveryFile({ stored }: { stored: StoredKey }) {
  const { t } = useTexts();
  const { hospitalName } = useOwner();
  if (stored.recovery === '') return <p className="warn-text">{t('recover.none')}</p>;
  return (
    <>
      <p>{t('recover.take', { name: hospitalName })}</p>
      <Button onClick={() => download(`xinglin-recovery-${stored.id.slice(0, 16)}.json`, fromBase64url(stored.recovery))} data-testid="recovery-file">
        {t('recover.download')}
      </Button>
    </>
  );
}

/** Loads what the hospital gave back; `onDone` once the hub keeps it too. */
export function LoadRecovered({ stored, onDone }: { stored: StoredKey; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const { seals, setState } = useKeys();
  const { person } = useOwner();
  const failureText = useSealFailureText();
  const [wrapped, setWrapped] = useState<{ name: string; text: string } | null>(null);
  const [passphrase, setPassphrase] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function choose(file: File | undefined): Promise<void> {
    setFailure(null);
    if (file === undefined) return;
    if (file.size > MOST_BYTES) setFailure(t('recover.notThis'));
    else setWrapped({ name: file.name, text: toBase64url(new Uint8Array(await file.arrayBuffer())) });
  }

  async function load(text: string): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      await seals.unlockOwn(text, passphrase, { person, key: stored.id });
      await api.send('PUT', '/api/me/key', { wrapped: text });
      setState('open');
      onDone();
    } catch (error) {
      setFailure(error instanceof SealRefused ? t('recover.notThis') : failureText(error));
      setPassphrase('');
    }
    setBusy(false);
  }

  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (wrapped !== null) void load(wrapped.text);
      }}
    >
      <p>{t('recover.load')}</p>
      <label className="file-button">
        {wrapped === null ? t('recover.choose') : wrapped.name}
        <input type="file" accept=".json,application/json" onChange={(event) => void choose(event.target.files?.[0])} data-testid="recovered-file" />
      </label>
      <label htmlFor="recovered-passphrase">{t('recover.passphrase')}</label>
      <Input.Password id="recovered-passphrase" autoComplete="current-password" value={passphrase} onChange={(event) => setPassphrase(event.target.value)} />
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <Button htmlType="submit" type="primary" loading={busy} disabled={wrapped === null || passphrase === ''} data-testid="load-recovered">
        {busy ? t('keys.opening') : t('recover.unlock')}
      </Button>
    </form>
  );
}
