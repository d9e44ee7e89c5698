/** Keys as the box sees them: its own people's, which somebody here vouches for; others', which have changed. */
import './keys.css';
import { Alert, Button, Modal } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { spoken } from '../seals/text';
import { PlainChip } from '../ui/chips';
import { instant } from '../ui/format';
import { useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import type { OwnPerson, RegionState, Roster, VouchState } from './box';
import { Title, useDepartment } from './Marks';

const TONE: Record<VouchState, 'good' | 'busy' | 'warn' | 'bad'> = { confirmed: 'good', sending: 'busy', sent: 'busy', unconfirmed: 'warn', refused: 'bad' };
const GLYPH: Record<VouchState, string> = { confirmed: '✓', sending: '↑', sent: '↑', unconfirmed: '○', refused: '✕' };

/** The last look: nothing is signed before a person has said that the fingerprint is the same. */
function Vouch({ one, onClose, onDone }: { one: OwnPerson; onClose: () => void; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  async function vouch(): Promise<void> {
    setBusy(true);
    try {
      await api.send('POST', '/api/region/people/vouch', { person: one.person, key: one.key });
      onDone();
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} footer={null} width={520} title={t('region.vouchTitle', { name: one.name })}>
      <div className="form" data-testid="vouch-dialog">
        <p>{t('region.vouchSure')}</p>
        <p>
          <code className="print">{one.print}</code>
        </p>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" loading={busy} onClick={() => void vouch()} data-testid="vouch-now">
            {t('region.vouchSame')}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

export function PeopleKeys({ people, onChanged }: { people: readonly OwnPerson[]; onChanged: () => void }) {
  const { t, said } = useTexts();
  const { may } = useSession();
  const department = useDepartment();
  const [asked, setAsked] = useState<OwnPerson | null>(null);
  return (
    <section>
      <h2>{t('region.people')}</h2>
      {people.length === 0 ? <p className="muted">{t('region.nobody')}</p> : <p className="muted">{t('region.peopleWhat')}</p>}
      {people.length > 0 && (
        <table className="grid roomy" aria-label={t('region.people')}>
          <thead>
            <tr>
              <th scope="col">{t('users.name')}</th>
              <th scope="col">{t('directory.department')}</th>
              <th scope="col">{t('region.print')}</th>
              <th scope="col">{t('column.state')}</th>
              <th scope="col">{t('column.action')}</th>
            </tr>
          </thead>
          <tbody>
            {people.map((one) => (
              <tr key={one.person} data-person={one.person} data-state={one.state}>
                <td>
                  <b>{one.name}</b> <Title title={one.title} />
                </td>
                <td>{one.department === '' ? '—' : department(one.department)}</td>
                <td>
                  <code className="print">{one.print}</code>
                  {one.before !== '' && one.state !== 'confirmed' && <p className="warn-text">! {t('region.before', { print: one.before })}</p>}
                </td>
                <td>
                  <PlainChip tone={TONE[one.state]} glyph={GLYPH[one.state]} label={t(`region.vouch.${one.state}`)} />
                  {one.error !== null && (
                    <p className="warn-text">
                      {said(one.error)} ({one.error.code})
                    </p>
                  )}
                </td>
                <td>
                  {may('region.manage') && (one.state === 'unconfirmed' || one.state === 'refused') && (
                    <Button size="small" onClick={() => setAsked(one)} data-testid="vouch">
                      {t('region.vouch')}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {asked !== null && <Vouch one={asked} onClose={() => setAsked(null)} onDone={onChanged} />}
    </section>
  );
}

/** Whose key has changed since somebody here confirmed it, to be confirmed; below, every change that the directory has seen. */
export function ChangedKeys({ changes, onChanged }: { changes: NonNullable<RegionState['directory']>['changed_keys']; onChanged: () => void }) {
  const { t } = useTexts();
  const { api, may } = useSession();
  const failureText = useFailureText();
  const roster = useRead<Roster>(may('consult.request') ? '/api/region/roster' : null);
  const [failure, setFailure] = useState<string | null>(null);
  const changed = (roster.data?.departments ?? []).flatMap((one) => one.people).filter((one) => one.key_state === 'changed');
  async function confirm(person: string, key: string): Promise<void> {
    setFailure(null);
    try {
      await api.send('POST', '/api/region/keys/confirm', { person, key });
      roster.reload();
      onChanged();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  return (
    <>
      {changed.map((one) => (
        <div key={one.person} className="note-bad" data-testid="changed-key">
          <b>{t('region.keyChanged', { name: one.name })}</b>
          <p>{t('key.changedLong', { print: spoken(one.key) })}</p>
          <Button size="small" onClick={() => void confirm(one.person, one.key)}>
            {t('key.confirm')}
          </Button>
        </div>
      ))}
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      {changes.length > 0 && (
        <details data-testid="all-changes">
          <summary>{t('region.changes')}</summary>
          <ul className="plain-list">
            {[...changes].reverse().map((one) => (
              <li key={`${one.kind} ${one.id} ${one.new}`}>
                <b>{[one.hospital_name, one.name].filter((part) => part !== '').join(' · ')}</b> {t(`directory.changed.${one.kind}`)} <span className="num muted">{instant(one.at)}</span>
                <br />
                <span className="muted">
                  {t('directory.was')} <code>{spoken(one.old)}</code> {t('directory.is')} <code>{spoken(one.new)}</code>
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
