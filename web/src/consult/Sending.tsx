/** How far each part of a case is on its way, and what a person decides about a part that was refused. */
import { Alert, Button } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { ReasonDialog } from '../pages/ReasonDialog';
import { bytes } from '../ui/format';
import { useFailureText } from '../ui/states';
import type { DeadPart, Sending as SendingState, SendingPart } from './box';
import { usePartName } from './Preview';

function Part({ part }: { part: SendingPart }) {
  const { t } = useTexts();
  const name = usePartName();
  const whole = part.done_items === part.items;
  return (
    <li className="part">
      <span className="part-name">
        {whole ? '✓' : part.dead_items > 0 ? '✕' : part.given_up_items > 0 ? '–' : '↑'} {name(part)}
        {part.given_up_items > 0 && ` · ${t('sending.givenUp', { n: part.given_up_items })}`}
      </span>
      <progress max={Math.max(1, part.bytes)} value={part.done_bytes} aria-label={name(part)} />
      <span className="num muted">{whole ? bytes(part.bytes) : `${bytes(part.done_bytes)} / ${bytes(part.bytes)}`}</span>
    </li>
  );
}

interface DeadProps {
  /** `/api/consults/<id>/outbox` or `/api/region/outbox`. */
  base: string;
  dead: readonly DeadPart[];
  may: boolean;
  onChanged: () => void;
}

/** Dead letters with their numbered error: sent again, or given up with a reason. */
export function DeadLetters({ base, dead, may, onChanged }: DeadProps) {
  const { t, said } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const name = usePartName();
  const [leaving, setLeaving] = useState<DeadPart | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const url = (one: DeadPart, verb: string) => `${base}/${encodeURIComponent(one.id)}/${verb}`;
  async function again(one: DeadPart): Promise<void> {
    setFailure(null);
    try {
      await api.send('POST', url(one, 'again'));
    } catch (error) {
      setFailure(failureText(error));
    }
    onChanged();
  }
  if (dead.length === 0) return null;
  return (
    <ul className="plain-list" data-testid="dead-letters">
      {dead.map((one) => (
        <li key={one.id} className="note-bad" data-testid="dead-letter">
          <p>
            ✕ <b>{name(one)}</b> <span className="num">{bytes(one.bytes)}</span> {one.error !== null && `${said(one.error)} (${one.error.code})`}
          </p>
          {may && (
            <span className="actions">
              <Button size="small" onClick={() => void again(one)}>
                {t('sending.again')}
              </Button>
              <Button size="small" onClick={() => setLeaving(one)}>
                {t('sending.giveUp')}
              </Button>
            </span>
          )}
        </li>
      ))}
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      {leaving !== null && (
        <ReasonDialog
          title={t('sending.giveUpTitle', { name: name(leaving) })}
          explain={t('sending.giveUpLong')}
          confirm={t('sending.giveUp')}
          act={async (reason) => {
            await api.send('POST', url(leaving, 'give-up'), { reason });
            onChanged();
          }}
          onClose={() => setLeaving(null)}
        />
      )}
    </ul>
  );
}

export function Sending({ consult, sending, onChanged }: { consult: string; sending: SendingState; onChanged: () => void }) {
  const { t } = useTexts();
  const { may } = useSession();
  if (sending.parts.length === 0) return null;
  return (
    <section data-testid="sending">
      <h2>{t('box.column.sent')}</h2>
      <DeadLetters base={`/api/consults/${encodeURIComponent(consult)}/outbox`} dead={sending.dead} may={may('consult.request')} onChanged={onChanged} />
      <ul className="parts">
        {sending.parts.map((part) => (
          <Part key={`${part.kind} ${part.study} ${part.title}`} part={part} />
        ))}
      </ul>
    </section>
  );
}
