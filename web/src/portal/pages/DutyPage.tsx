/** Duty roster: who opens what is sent to a department. */
import { Alert, Button, Select } from 'antd';
import { useState } from 'react';
import { useSession } from '../../app/session';
import { useTexts } from '../../i18n';
import { PlainChip } from '../../ui/chips';
import { Failure, Loading, Notice, useFailureText } from '../../ui/states';
import { useRead } from '../../ui/useRead';
import type { DutyRow, Suggested } from '../types';

function Department({ row, people, onSaved }: { row: DutyRow; people: readonly Suggested[]; onSaved: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [chosen, setChosen] = useState(row.people.map((one) => one.id));
  const [state, setState] = useState<'same' | 'changed' | 'saving' | 'saved'>('same');
  const [failure, setFailure] = useState<string | null>(null);
  const able = people.filter((one) => one.discipline === row.department);
  const names = new Map([...able.map((one) => [one.person, one.name] as const), ...row.people.map((one) => [one.id, one.name] as const)]);
  const without = row.people.filter((one) => one.key === null);
  async function save(): Promise<void> {
    setState('saving');
    setFailure(null);
    try {
      await api.send('PUT', '/api/duty', { hospital: row.hospital, department: row.department, people: chosen });
      setState('saved');
      onSaved();
    } catch (error) {
      setFailure(failureText(error));
      setState('changed');
    }
  }
  return (
    <section className="duty" data-department={row.department}>
      <h2>
        {row.hospital_name} · {t(`discipline.${row.department as 'imaging'}`)}
      </h2>
      <Select
        mode="multiple"
        aria-label={`${row.hospital_name} ${row.department}`}
        value={chosen}
        onChange={(next: string[]) => {
          setChosen(next);
          setState('changed');
        }}
        options={[...names].map(([value, label]) => ({ value, label }))}
      />
      {without.length > 0 && <p className="note-warn">! {t('duty.withoutKey', { names: without.map((one) => one.name).join('、') })}</p>}
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <div className="form-end">
        {state === 'saved' && <PlainChip tone="good" glyph="✓" label={t('duty.saved')} />}
        <Button type="primary" size="small" disabled={state === 'same' || state === 'saved'} loading={state === 'saving'} onClick={() => void save()}>
          {t('action.save')}
        </Button>
      </div>
    </section>
  );
}

export default function DutyPage() {
  const { t } = useTexts();
  const read = useRead<{ rows: DutyRow[] }>('/api/duty');
  const people = useRead<{ rows: Suggested[] }>('/api/people/suggest?discipline=');
  const error = read.error ?? people.error;
  if (read.data === null || people.data === null) {
    if (error === null) return <Loading label={t('state.loadingPage')} />;
    return (
      <Failure
        error={error}
        onRetry={() => {
          read.reload();
          people.reload();
        }}
      />
    );
  }
  return (
    <div className="page list-page">
      <div className="sheet">
        <h1>{t('portal.nav.duty')}</h1>
        <p className="muted">{t('duty.explain')}</p>
        {read.data.rows.length === 0 && <Notice tone="info" title={t('duty.none')} />}
        {read.data.rows.map((row) => (
          <Department key={`${row.hospital} ${row.department}`} row={row} people={people.data?.rows ?? []} onSaved={read.reload} />
        ))}
      </div>
    </div>
  );
}
