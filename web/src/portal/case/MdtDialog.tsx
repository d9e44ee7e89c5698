/** One click opened this, filled in; the second click sends. Nothing has left before it. */
import { Alert, Button, Modal, Select } from 'antd';
import { useEffect, useState } from 'react';
import { useSession } from '../../app/session';
import { seatOf } from '../../consult/fold';
import { useTitle } from '../../consult/Marks';
import { useTexts } from '../../i18n';
import { spoken } from '../../seals/text';
import { instant } from '../../ui/format';
import { Failure, Loading } from '../../ui/states';
import { useDirectory } from '../directory';
import { useSealFailureText } from '../failure';
import type { Suggested } from '../types';
import type { CaseRead, OpenCase } from './useCase';

/** What the hub suggests for a seat; `people` are the others who could take it. */
interface SuggestedSeat {
  discipline: string;
  part: 'chair' | 'member';
  person: string;
  reason_zh: string;
  reason_en: string;
  people: Suggested[];
}

interface Draft {
  seats: SuggestedSeat[];
}

type Sent = 'no' | 'busy' | 'yes';

export function MdtDialog({ data, read, onClose }: { data: OpenCase; read: CaseRead; onClose: () => void }) {
  const { t, language } = useTexts();
  const { api } = useSession();
  const directory = useDirectory();
  const title = useTitle();
  const failureText = useSealFailureText();
  const { standing } = data.believed;
  const consult = data.answer.row.id;
  const [draft, setDraft] = useState<Draft | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const [sent, setSent] = useState<Sent>('no');

  useEffect(() => {
    let left = false;
    api.send<Draft>('POST', `/api/consults/${encodeURIComponent(consult)}/mdt`).then(
      (answer) => {
        if (left) return;
        setDraft(answer);
        setChosen(Object.fromEntries(answer.seats.map((seat) => [seat.discipline, seat.person])));
      },
      (error: unknown) => !left && setFailure(error),
    );
    return () => {
      left = true;
    };
  }, [api, consult]);

  const seats = (draft?.seats ?? []).map((seat) => ({ ...seat, person: chosen[seat.discipline] ?? '' })).filter((seat) => seat.person !== '' && seatOf(standing, seat.person) === null);
  // A consultation's guests are members; only an MDT has a chair.
  const chairTaken = standing.kind !== 'mdt' || standing.parties.some((party) => party.part === 'chair' && party.removed_at === '');

  async function send(): Promise<void> {
    setSent('busy');
    setRefused(null);
    try {
      for (const seat of seats) await read.post('invited', { person: seat.person, part: seat.part === 'chair' && !chairTaken ? 'chair' : 'member', discipline: seat.discipline }, null);
      setSent('yes');
      onClose();
    } catch (error) {
      setRefused(failureText(error));
      setSent('no');
    }
  }

  return (
    <Modal open onCancel={onClose} title={t('mdt.title')} footer={null} width={600}>
      <div data-testid="mdt-draft">
        <p className="muted">{t('mdt.explain')}</p>
        {draft === null && (failure === null ? <Loading label={t('mdt.preparing')} /> : <Failure error={failure} onRetry={onClose} />)}
        {draft !== null && (
          <ul className="mdt-seats">
            {draft.seats.map((seat) => {
              const person = chosen[seat.discipline] ?? '';
              const changedAt = directory.changedAt(person);
              return (
                <li key={seat.discipline}>
                  <span className="mdt-discipline">
                    {t(`discipline.${seat.discipline as 'imaging'}`)} {seat.part === 'chair' && !chairTaken && <span className="chip chip-good">{t('part.chair')}</span>}
                  </span>
                  <Select
                    aria-label={t(`discipline.${seat.discipline as 'imaging'}`)}
                    allowClear
                    value={person === '' ? undefined : person}
                    placeholder={t('mdt.nobody')}
                    onChange={(value: string | undefined) => setChosen((old) => ({ ...old, [seat.discipline]: value ?? '' }))}
                    options={seat.people.map((one) => ({ value: one.person, label: [one.name, title(one.title), one.hospital_name].filter((part) => part !== '').join(' · '), disabled: !one.key }))}
                  />
                  <span className="muted">
                    {person !== '' && seatOf(standing, person) !== null ? t('mdt.there') : person === seat.person ? (language === 'zh' ? seat.reason_zh : seat.reason_en) : ''}
                  </span>
                  {directory.person(person)?.attested === '' && <span className="note-warn">○ {t('people.unvouched')} · {spoken(directory.person(person)?.key ?? '')}</span>}
                  {changedAt !== '' && <span className="note-warn">! {t('people.keyChanged', { at: instant(changedAt) })}</span>}
                </li>
              );
            })}
          </ul>
        )}
        <p className="muted">{t('mdt.keyNote')}</p>
        {refused !== null && <Alert type="error" showIcon title={refused} role="alert" />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" loading={sent === 'busy'} disabled={seats.length === 0} onClick={() => void send()} data-testid="mdt-send">
            {t('mdt.send', { n: seats.length })}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
