import { Alert, Button, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { ROLES, type Role, type UserRow } from '../api/types';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { PlainChip } from '../ui/chips';
import { instant } from '../ui/format';
import { Failure, Loading, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { MIN_PASSWORD } from './PasswordDialog';

interface Draft {
  user: string;
  name: string;
  role: Role;
  active: boolean;
  password: string;
  isNew: boolean;
}

const BLANK: Draft = { user: '', name: '', role: 'radiographer', active: true, password: '', isNew: true };

function UserDialog({ draft: first, onClose, onDone }: { draft: Draft; onClose: () => void; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [draft, setDraft] = useState(first);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const set = (change: Partial<Draft>) => setDraft((old) => ({ ...old, ...change }));
  const passwordOk = draft.password.length >= MIN_PASSWORD || (!draft.isNew && draft.password === '');

  async function submit(): Promise<void> {
    setBusy(true);
    const { user, name, role, active, password, isNew } = draft;
    try {
      if (isNew) await api.send('POST', '/api/users', { user: user.trim(), name: name.trim(), role, password });
      else await api.send('PUT', `/api/users/${encodeURIComponent(user)}`, { name: name.trim(), role, active, ...(password === '' ? {} : { password }) });
      onDone();
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }

  return (
    <Modal open onCancel={onClose} footer={null} title={draft.isNew ? t('users.add') : t('users.edit')} width={420}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label htmlFor="user-id">{t('login.user')}</label>
        <Input id="user-id" value={draft.user} readOnly={!draft.isNew} autoComplete="off" onChange={(event) => set({ user: event.target.value })} />
        <label htmlFor="user-name">{t('users.name')}</label>
        <Input id="user-name" value={draft.name} autoComplete="off" onChange={(event) => set({ name: event.target.value })} />
        <label htmlFor="user-role">{t('users.role')}</label>
        <Select id="user-role" value={draft.role} options={ROLES.map((role) => ({ value: role, label: t(`role.${role}`) }))} onChange={(role) => set({ role })} />
        {!draft.isNew && (
          <>
            <label htmlFor="user-active">{t('column.state')}</label>
            <Select
              id="user-active"
              value={draft.active}
              options={[
                { value: true, label: t('users.active') },
                { value: false, label: t('users.inactive') },
              ]}
              onChange={(active) => set({ active })}
            />
          </>
        )}
        <label htmlFor="user-password">{draft.isNew ? t('login.password') : t('users.newPassword')}</label>
        <Input.Password id="user-password" autoComplete="new-password" value={draft.password} onChange={(event) => set({ password: event.target.value })} />
        <p className="muted">{t('account.passwordShort', { n: MIN_PASSWORD })}</p>
        {failure !== null && <Alert type="error" showIcon title={failure} />}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" loading={busy} disabled={draft.user.trim() === '' || draft.name.trim() === '' || !passwordOk}>
            {t('action.save')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

export default function UsersPage() {
  const { t } = useTexts();
  const read = useRead<{ rows: UserRow[] }>('/api/users');
  const [draft, setDraft] = useState<Draft | null>(null);
  return (
    <div className="page list-page">
      <header className="page-head">
        <h1>{t('nav.users')}</h1>
        <Button type="primary" onClick={() => setDraft(BLANK)}>
          {t('users.add')}
        </Button>
      </header>
      {read.data === null && (read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />)}
      {read.data !== null && (
        <table className="grid roomy">
          <thead>
            <tr>
              <th scope="col">{t('login.user')}</th>
              <th scope="col">{t('users.name')}</th>
              <th scope="col">{t('users.role')}</th>
              <th scope="col">{t('column.state')}</th>
              <th scope="col">{t('users.otp')}</th>
              <th scope="col">{t('users.lastLogin')}</th>
              <th scope="col">{t('column.action')}</th>
            </tr>
          </thead>
          <tbody>
            {read.data.rows.map((row) => (
              <tr key={row.user}>
                <td>{row.user}</td>
                <td>{row.name}</td>
                <td>{t(`role.${row.role}`)}</td>
                <td>{row.active ? <PlainChip tone="good" glyph="●" label={t('users.active')} /> : <PlainChip tone="quiet" glyph="○" label={t('users.inactive')} />}</td>
                <td>{row.otp ? t('value.yes') : t('value.no')}</td>
                <td className="num">{instant(row.last_login)}</td>
                <td>
                  <Button size="small" onClick={() => setDraft({ ...BLANK, user: row.user, name: row.name, role: row.role, active: row.active, isNew: false })}>
                    {t('users.edit')}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {draft !== null && <UserDialog draft={draft} onClose={() => setDraft(null)} onDone={read.reload} />}
    </div>
  );
}
