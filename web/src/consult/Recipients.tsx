/** Who would get the key, each with the state of theirs; a changed key is compared and confirmed first. */
import { Alert, Button } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { spoken } from '../seals/text';
import { PlainChip } from '../ui/chips';
import { useFailureText } from '../ui/states';
import { mustConfirm } from './asked';
import type { KeyStanding, RosterPerson } from './box';

const KEY_TONE: Record<KeyStanding, 'good' | 'busy' | 'bad'> = { confirmed: 'good', new: 'busy', changed: 'bad', unattested: 'bad' };

export function Recipients({ people, onConfirmed }: { people: readonly RosterPerson[]; onConfirmed: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [failure, setFailure] = useState<string | null>(null);
  async function confirm(one: RosterPerson): Promise<void> {
    try {
      await api.send('POST', '/api/region/keys/confirm', { person: one.person, key: one.key });
      onConfirmed();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  if (people.length === 0) return <p className="note-warn">! {t('request.nobody')}</p>;
  return (
    <ul className="plain-list" data-testid="recipients">
      {people.map((one) => (
        <li key={one.person}>
          <b>{one.name}</b> <PlainChip tone={KEY_TONE[one.key_state]} glyph={mustConfirm(one.key_state) ? '!' : '✓'} label={t(`key.state.${one.key_state}`)} /> {one.on_duty && <PlainChip tone="good" glyph="●" label={t('duty.on')} />}
          {mustConfirm(one.key_state) && (
            <p className="note-bad">
              {t(one.key_state === 'changed' ? 'key.changedLong' : 'key.unattestedLong', { print: spoken(one.key) })}
              <Button size="small" onClick={() => void confirm(one)} data-testid="confirm-key">
                {t(one.key_state === 'changed' ? 'key.confirm' : 'key.confirmFirst')}
              </Button>
            </p>
          )}
        </li>
      ))}
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
    </ul>
  );
}
