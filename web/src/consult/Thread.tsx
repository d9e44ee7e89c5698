/** The conversation: what was said, asked and answered, and every step of the case, in order. */
import { Button, Input } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { useTexts } from '../i18n';
import { instant } from '../ui/format';
import type { EventKind } from './types';

export interface ThreadEntry {
  id: string;
  kind: EventKind;
  actor: string;
  name: string;
  mine: boolean;
  at: string;
  /** Opened words; null where the event carries none or they are not open yet. */
  text: string | null;
  /** Whom the event is about, by name. */
  about: string;
  broken: string | null;
  seenBy: readonly string[];
}

const SPOKEN: ReadonlySet<EventKind> = new Set(['message', 'information.asked', 'information.given']);

function Entry({ entry }: { entry: ThreadEntry }) {
  const { t } = useTexts();
  if (!SPOKEN.has(entry.kind)) {
    return (
      <li className="step">
        <span className="num">{instant(entry.at)}</span> {t(`event.${entry.kind.replace('.', '_') as 'message'}`, { name: entry.name, about: entry.about })}
        {entry.text !== null && entry.text !== '' && <p className="said">{entry.text}</p>}
        {entry.broken !== null && <p className="note-warn">✕ {entry.broken}</p>}
      </li>
    );
  }
  return (
    <li className={`bubble${entry.mine ? ' mine' : ''} bubble-${entry.kind === 'message' ? 'message' : 'information'}`} data-testid="message">
      <p className="bubble-head">
        <b>{entry.name}</b> {entry.kind !== 'message' && <span className="chip chip-warn">{t(entry.kind === 'information.asked' ? 'thread.asks' : 'thread.answers')}</span>} <span className="num">{instant(entry.at)}</span>
      </p>
      {entry.broken !== null ? <p className="note-warn">✕ {entry.broken}</p> : <p className="said">{entry.text ?? t('opinion.opening')}</p>}
      {entry.mine && entry.seenBy.length > 0 && <p className="seen">✓ {t('thread.seen', { names: entry.seenBy.join('、') })}</p>}
    </li>
  );
}

interface Props {
  entries: readonly ThreadEntry[];
  /** null where nothing may be said (any more). */
  onSend: ((text: string) => Promise<void>) | null;
  failureText: (error: unknown) => string;
  note: string;
}

export function Thread({ entries, onSend, failureText, note }: Props) {
  const { t } = useTexts();
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const end = useRef<HTMLDivElement>(null);
  const count = entries.length;
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'nearest' });
  }, [count]);
  async function send(): Promise<void> {
    if (onSend === null || text.trim() === '') return;
    setBusy(true);
    setFailure(null);
    try {
      await onSend(text.trim());
      setText('');
    } catch (error) {
      setFailure(failureText(error));
    }
    setBusy(false);
  }
  return (
    <div className="thread">
      <ol className="thread-list">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ol>
      <div ref={end} />
      {onSend !== null && (
        <form
          className="thread-form"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <Input.TextArea aria-label={t('thread.write')} placeholder={t('thread.write')} rows={2} maxLength={20_000} value={text} onChange={(event) => setText(event.target.value)} data-testid="thread-text" />
          {failure !== null && (
            <p className="note-warn" role="alert">
              ✕ {failure} {t('thread.notSent')}
            </p>
          )}
          <div className="form-end">
            <span className="muted">{note}</span>
            <Button type="primary" htmlType="submit" loading={busy} disabled={text.trim() === ''} data-testid="thread-send">
              {t('thread.send')}
            </Button>
          </div>
        </form>
      )}
    </div>
  );
}
