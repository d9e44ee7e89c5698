import { Alert, Button, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { HUB_ROLES, type HubRole } from '../../api/types';
import { useSession } from '../../app/session';
import { DISCIPLINES, LEVELS } from '../../consult/types';
import { useTexts } from '../../i18n';
import { MIN_PASSWORD } from '../../pages/PasswordDialog';
import { PlainChip } from '../../ui/chips';
import { Failure, Loading, useFailureText } from '../../ui/states';
import { useRead } from '../../ui/useRead';
import type { Hospital, HubPerson } from '../types';
import { when } from './when';

interface Draft {
  id: string | null;
  user: string;
  name: string;
  role: HubRole;
  hospital: string;
  department: string;
  title: string;
  active: boolean;
  password: string;
}

const BLANK: Draft = { id: null, user: '', name: '', role: 'expert', hospital: '', department: '', title: '', active: true, password: '' };

function PersonDialog({ first, hospitals, onClose, onDone }: { first: Draft; hospitals: readonly Hospital[]; onClose: () => void; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [draft, setDraft] = useState(first);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const set = (change: Partial<Draft>) => setDraft((old) => ({ ...old, ...change }));
  const isNew = draft.id === null;
  const complete = draft.user.trim() !== '' && draft.name.trim() !== '' && (isNew ? draft.password.length >= MIN_PASSWORD : draft.password === '' || draft.password.length >= MIN_PASSWORD) && (draft.role !== 'expert' || (draft.hospital !== '' && draft.department !== ''));
  async function save(): Promise<void> {
    setBusy(true);
    const { id, user, password, active, ...facts } = draft;
    const body = { ...facts, name: facts.name.trim() };
    try {
      if (id === null) await api.send('POST', '/api/admin/people', { ...body, user: user.trim(), password });
      else await api.send('PUT', `/api/admin/people/${encodeURIComponent(id)}`, { ...body, active, ...(password === '' ? {} : { password }) });
      onDone();
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} footer={null} title={t(isNew ? 'people.add' : 'people.edit')} width={440}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <label htmlFor="person-user">{t('login.user')}</label>
        <Input id="person-user" value={draft.user} readOnly={!isNew} autoComplete="off" onChange={(event) => set({ user: event.target.value })} />
        <label htmlFor="person-name">{t('users.name')}</label>
        <Input id="person-name" value={draft.name} maxLength={80} autoComplete="off" onChange={(event) => set({ name: event.target.value })} />
        <label htmlFor="person-role">{t('users.role')}</label>
        <Select id="person-role" value={draft.role} options={HUB_ROLES.map((role) => ({ value: role, label: t(`role.${role}`) }))} onChange={(role) => set({ role })} />
        <label htmlFor="person-hospital">{t('portal.column.hospital')}</label>
        <Select id="person-hospital" value={draft.hospital === '' ? undefined : draft.hospital} allowClear options={hospitals.map((one) => ({ value: one.id, label: one.name }))} onChange={(hospital?: string) => set({ hospital: hospital ?? '' })} />
        <label htmlFor="person-department">{t('directory.department')}</label>
        <Select id="person-department" value={draft.department === '' ? undefined : draft.department} allowClear options={DISCIPLINES.map((one) => ({ value: one, label: t(`discipline.${one}`) }))} onChange={(department?: string) => set({ department: department ?? '' })} />
        <label htmlFor="person-title">{t('people.title')}</label>
        <Select id="person-title" value={draft.title} options={LEVELS.map((one) => ({ value: one, label: one === '' ? '—' : t(`level.${one}`) }))} onChange={(title) => set({ title })} />
        {!isNew && (
          <>
            <label htmlFor="person-active">{t('column.state')}</label>
            <Select
              id="person-active"
              value={draft.active}
              options={[
                { value: true, label: t('users.active') },
                { value: false, label: t('users.inactive') },
              ]}
              onChange={(active) => set({ active })}
            />
          </>
        )}
        <label htmlFor="person-password">{isNew ? t('login.password') : t('users.newPassword')}</label>
        <Input.Password id="person-password" autoComplete="new-password" value={draft.password} onChange={(event) => set({ password: event.target.value })} />
        <p className="muted">{t('account.passwordShort', { n: MIN_PASSWORD })}</p>
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={!complete}>
            {t('action.save')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

const draftOf = (one: HubPerson): Draft => ({ id: one.id, user: one.user, name: one.name, role: one.role as HubRole, hospital: one.hospital ?? '', department: one.department, title: one.title, active: one.active, password: '' });

export default function PeoplePage() {
  const { t } = useTexts();
  const read = useRead<{ rows: HubPerson[] }>('/api/admin/people');
  const hospitals = useRead<{ rows: Hospital[] }>('/api/admin/hospitals');
  const [draft, setDraft] = useState<Draft | null>(null);
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  return (
    <div className="page list-page">
      <div className="sheet">
        <div className="sheet-head">
          <h1>{t('portal.nav.people')}</h1>
          <Button type="primary" onClick={() => setDraft(BLANK)}>
            {t('people.add')}
          </Button>
        </div>
        <table className="grid roomy" aria-label={t('portal.nav.people')}>
          <thead>
            <tr>
              <th scope="col">{t('login.user')}</th>
              <th scope="col">{t('users.name')}</th>
              <th scope="col">{t('users.role')}</th>
              <th scope="col">{t('portal.column.hospital')}</th>
              <th scope="col">{t('directory.department')}</th>
              <th scope="col">{t('column.state')}</th>
              <th scope="col">{t('people.lastSeen')}</th>
              <th scope="col">{t('column.action')}</th>
            </tr>
          </thead>
          <tbody>
            {read.data.rows.map((one) => (
              <tr key={one.id}>
                <td>{one.user}</td>
                <td>
                  <b>{one.name}</b> {one.title !== '' && <span className="muted">{t(`level.${one.title as 'chief'}`)}</span>}
                </td>
                <td>{t(`role.${one.role as HubRole}`)}</td>
                <td>{one.hospital_name ?? '—'}</td>
                <td>{one.department === '' ? '—' : t(`discipline.${one.department as 'imaging'}`)}</td>
                <td>
                  {one.active ? <PlainChip tone="good" glyph="●" label={t('users.active')} /> : <PlainChip tone="quiet" glyph="–" label={t('users.inactive')} />}
                  <PlainChip tone={one.otp ? 'good' : 'warn'} glyph={one.otp ? '✓' : '!'} label={t(one.otp ? 'people.otp' : 'people.noOtp')} />
                  {one.role === 'expert' && <PlainChip tone={one.key === null ? 'warn' : 'good'} glyph={one.key === null ? '!' : '✓'} label={t(one.key === null ? 'keys.noneYet' : 'people.hasKey')} />}
                  {one.key !== null && <PlainChip tone={one.attested ? 'good' : 'warn'} glyph={one.attested ? '✓' : '○'} label={t(one.attested ? 'people.vouched' : one.has_box ? 'directory.notVouched' : 'directory.noBox')} />}
                </td>
                <td className="num">{when(one.last_seen_at)}</td>
                <td>
                  <Button size="small" onClick={() => setDraft(draftOf(one))}>
                    {t('people.edit')}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {draft !== null && <PersonDialog first={draft} hospitals={hospitals.data?.rows ?? []} onClose={() => setDraft(null)} onDone={read.reload} />}
    </div>
  );
}
