/** Who takes part, who has read how far, who is here now, and whose key changed. */
import { Button } from 'antd';
import { useState } from 'react';
import { may, partOf } from '../../consult/fold';
import type { Party } from '../../consult/types';
import { useTexts } from '../../i18n';
import { PlainChip } from '../../ui/chips';
import { instant } from '../../ui/format';
import { useDirectory } from '../directory';
import { useSealFailureText } from '../failure';
import type { CaseProps } from './CasePage';

function Person({ data, read, me, party }: CaseProps & { party: Party }) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const directory = useDirectory();
  const [failure, setFailure] = useState<string | null>(null);
  const { standing } = data.believed;
  const known = directory.person(party.person);
  const changedAt = directory.changedAt(party.person);
  const here = data.answer.presence.some((one) => one.person === party.person);
  const seen = data.answer.seen.find((one) => one.person === party.person);
  const last = data.answer.events.at(-1)?.seq ?? 0;
  const removable = party.person !== me && party.removed_at === '' && may(standing.kind, partOf(standing, me), 'removed', standing.place);
  const name = data.answer.parties.find((one) => one.person === party.person)?.name ?? known?.name ?? party.person;
  async function remove(): Promise<void> {
    setFailure(null);
    try {
      await read.post('removed', { person: party.person }, null);
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  return (
    <li className={party.removed_at === '' ? 'person' : 'person removed'} data-testid="party">
      <p>
        <b>{name}</b> {known?.title} <span className="muted">{party.discipline === '' ? '' : t(`discipline.${party.discipline as 'imaging'}`)}</span>
        {here && <PlainChip tone="good" glyph="●" label={t('people.here')} />}
      </p>
      <p className="muted">
        {t(`part.${party.part}`)}
        {standing.owner === party.person && ` · ${t('people.owner')}`}
        {party.declined && ` · ${t('people.declined')}`}
        {party.removed_at !== '' && ` · ${t('people.removed', { at: instant(party.removed_at) })}`}
        {seen !== undefined && ` · ${seen.seq >= last ? t('people.seenAll', { at: instant(seen.at) }) : t('people.seenPart', { at: instant(seen.at) })}`}
        {seen === undefined && ` · ${t('people.seenNothing')}`}
      </p>
      {known === null && <p className="note-warn">! {t('people.noKey')}</p>}
      {changedAt !== '' && <p className="note-warn">! {t('people.keyChanged', { at: instant(changedAt) })}</p>}
      {directory.view?.revoked[party.person] !== undefined && <p className="note-warn">✕ {t('people.revoked')}</p>}
      {removable && (
        <Button size="small" type="text" onClick={() => void remove()}>
          {t('people.remove')}
        </Button>
      )}
      {failure !== null && <p className="note-warn">✕ {failure}</p>}
    </li>
  );
}

export function PeoplePanel(props: CaseProps) {
  const { t } = useTexts();
  const { standing, epochs } = props.data.believed;
  return (
    <>
      <ul className="people">
        {standing.parties.map((party) => (
          <Person key={`${party.person} ${party.invited_at}`} {...props} party={party} />
        ))}
      </ul>
      <p className="muted">{t('people.removalNote')}</p>
      <p className="muted">{t('people.epoch', { n: standing.epoch, mine: [...epochs.handles.keys()].sort().join(', ') || '—' })}</p>
    </>
  );
}
