/** Who takes part, who has read how far, who is here now, and whose key changed. */
import { Button } from 'antd';
import { useState } from 'react';
import { may, partOf } from '../../consult/fold';
import type { Party } from '../../consult/types';
import { useTexts } from '../../i18n';
import { Title } from '../../consult/Marks';
import { PlainChip } from '../../ui/chips';
import { instant } from '../../ui/format';
import { useDirectory } from '../directory';
import { useSealFailureText } from '../failure';
import type { CaseProps } from './CasePage';

/** Part, and how far this person has read. */
function Attendance({ data, party }: Pick<CaseProps, 'data'> & { party: Party }) {
  const { t } = useTexts();
  const seen = data.answer.seen.find((one) => one.person === party.person);
  const last = data.answer.events.at(-1)?.seq ?? 0;
  const facts = [t(`part.${party.part}`)];
  if (data.believed.standing.owner === party.person) facts.push(t('people.owner'));
  if (party.declined) facts.push(t('people.declined'));
  if (party.removed_at !== '') facts.push(t('people.removed', { at: instant(party.removed_at) }));
  if (seen === undefined) facts.push(t('people.seenNothing'));
  else facts.push(t(seen.seq >= last ? 'people.seenAll' : 'people.seenPart', { at: instant(seen.at) }));
  return <p className="muted">{facts.join(' · ')}</p>;
}

function Person({ data, read, me, party }: CaseProps & { party: Party }) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const directory = useDirectory();
  const [failure, setFailure] = useState<string | null>(null);
  const { standing } = data.believed;
  const known = directory.person(party.person);
  const changedAt = directory.changedAt(party.person);
  const here = data.answer.presence.some((one) => one.person === party.person);
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
        <b>{name}</b> <Title title={known?.title ?? ''} /> <span className="muted">{party.discipline === '' ? '' : t(`discipline.${party.discipline as 'imaging'}`)}</span>
        {here && <PlainChip tone="good" glyph="●" label={t('people.here')} />}
      </p>
      <Attendance data={data} party={party} />
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
