/** From the county's case: bring others in, take somebody out. Both change who holds the key of what comes next. */
import { Alert, Button, Modal, Select } from 'antd';
import { useState } from 'react';
import { useTexts } from '../i18n';
import { Failure, Loading, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { mustConfirm, placeKey } from './asked';
import type { BoxCase, Roster, RosterPerson } from './box';
import { useDepartment, useTitle } from './Marks';
import { Recipients } from './Recipients';

interface Props {
  data: BoxCase;
  act: (body: Record<string, unknown>) => Promise<void>;
  onClose: () => void;
}

/** An account's usual discipline in an in-house meeting. */
const OF_ROLE: Record<string, string> = { surgeon: 'thoracic_surgery', radiologist: 'imaging', physician: 'respiratory' };

const present = (data: BoxCase) => new Set(data.parties.filter((party) => party.removed_at === null).map((party) => party.person));

/** Who could still be asked, and whom the roster suggests: on duty, not yet here. Pure. */
export function invitable(data: BoxCase, roster: Roster): { places: Roster['departments']; suggested: RosterPerson[] } {
  const here = present(data);
  const places = roster.departments.map((place) => ({ ...place, people: place.people.filter((one) => !here.has(one.person)) })).filter((place) => place.people.length > 0);
  const everybody = places.flatMap((place) => place.people);
  const wanted = (roster.mdt ?? []).map((seat) => everybody.find((one) => one.person === seat.person)).filter((one) => one !== undefined);
  return { places, suggested: wanted.length > 0 ? wanted : everybody.filter((one) => one.on_duty).slice(0, 4) };
}

export function InviteDialog({ data, act, onClose }: Props) {
  const { t } = useTexts();
  const failureText = useFailureText();
  const department = useDepartment();
  const title = useTitle();
  const roster = useRead<Roster>('/api/region/roster');
  const [people, setPeople] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const house = data.row.authority === 'house';
  const here = present(data);
  const colleagues = (roster.data?.colleagues ?? []).filter((one) => !here.has(one.person));
  const found = roster.data === null ? null : invitable(data, roster.data);
  const chosen = (found?.places ?? []).flatMap((place) => place.people).filter((one) => people.includes(one.person));
  const add = (more: readonly string[]) => setPeople((old) => [...new Set([...old, ...more])]);
  // Once somebody has taken the case, who is brought in advises; before that, they may take it.
  const part = data.row.kind === 'mdt' || data.row.owner !== null ? 'member' : 'expert';
  const blocked = chosen.some((one) => mustConfirm(one.key_state));

  async function invite(): Promise<void> {
    setBusy(true);
    setFailure(null);
    try {
      for (const person of people) {
        const role = colleagues.find((one) => one.person === person)?.role ?? '';
        await act({ kind: 'invited', person, part, ...(house ? { discipline: OF_ROLE[role] ?? '' } : {}) });
        setPeople((old) => old.filter((one) => one !== person));
      }
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }

  return (
    <Modal open onCancel={onClose} title={t('invitation.title')} footer={null} width={620}>
      <form
        className="form"
        data-testid="invite"
        onSubmit={(event) => {
          event.preventDefault();
          void invite();
        }}
      >
        {roster.data === null && (roster.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={roster.error} onRetry={roster.reload} />)}
        {house && <Select aria-label={t('request.colleagues')} mode="multiple" autoFocus value={people} placeholder={t('request.colleagues')} onChange={setPeople} options={colleagues.map((one) => ({ value: one.person, label: one.name }))} />}
        {!house && found !== null && (
          <>
            <p className="muted">{t('invitation.suggested')}</p>
            <p className="actions">
              {found.suggested.map((one) => (
                <Button key={one.person} size="small" disabled={people.includes(one.person)} onClick={() => add([one.person])}>
                  ＋ {one.name} {one.on_duty && `· ${t('duty.on')}`}
                </Button>
              ))}
              {found.suggested.length === 0 && <span className="muted">—</span>}
            </p>
            <label htmlFor="invite-department">{t('invitation.department')}</label>
            <Select
              id="invite-department"
              value={null}
              placeholder={t('request.chooseDepartment')}
              onChange={(key: string | null) => {
                const place = found.places.find((one) => placeKey(one) === key);
                const duty = place?.people.filter((one) => one.on_duty) ?? [];
                add((duty.length > 0 ? duty : (place?.people ?? [])).map((one) => one.person));
              }}
              options={found.places.map((one) => ({ value: placeKey(one), label: `${one.hospital_name} · ${department(one.department)}` }))}
            />
            <label htmlFor="invite-people">{t('invitation.people')}</label>
            <Select id="invite-people" mode="multiple" value={people} onChange={setPeople} showSearch={{ optionFilterProp: 'label' }} options={found.places.map((place) => ({ label: `${place.hospital_name} · ${department(place.department)}`, options: place.people.map((one) => ({ value: one.person, label: [one.name, title(one.title)].filter((word) => word !== '').join(' · ') })) }))} />
            {chosen.length > 0 && <Recipients people={chosen} onConfirmed={roster.reload} />}
          </>
        )}
        <p className="muted">{t(house ? 'invitation.houseNote' : 'invitation.note')}</p>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={people.length === 0 || blocked} data-testid="invite-send">
            {t('invitation.send', { n: people.length })}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** What somebody has read cannot be taken back; only what comes after is kept from them. */
export function RemoveDialog({ data, act, onClose, person }: Props & { person: string }) {
  const { t } = useTexts();
  const failureText = useFailureText();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const name = data.parties.find((one) => one.person === person)?.name ?? person;
  const house = data.row.authority === 'house';
  async function remove(): Promise<void> {
    setBusy(true);
    try {
      await act({ kind: 'removed', person });
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} title={t('removal.title', { name })} onOk={() => void remove()} okText={t('people.remove')} cancelText={t('action.back')} okButtonProps={{ danger: true, loading: busy }}>
      <div data-testid="removal">
        <p>
          <b>{t('removal.cannotTakeBack', { name })}</b>
        </p>
        <p>{t(house ? 'removal.house' : 'removal.newKey')}</p>
        {data.row.owner === person && <p className="note-warn">! {t('removal.owner')}</p>}
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      </div>
    </Modal>
  );
}
