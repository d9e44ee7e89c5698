/** The directory of public keys: who has which, who attested it, who witnessed the whole, and any alarm. */
import { Button, Input } from 'antd';
import { useState } from 'react';
import { Title, useDepartment } from '../../consult/Marks';
import { useTexts } from '../../i18n';
import { spoken } from '../../seals/text';
import { PlainChip } from '../../ui/chips';
import { instant } from '../../ui/format';
import { Failure, Loading } from '../../ui/states';
import { Changed } from '../Changed';
import { useDirectory } from '../directory';
import { Vouched } from '../Vouched';

export default function DirectoryPage() {
  const { t, said } = useTexts();
  const { view, alarm, witnesses, failure, reload, changedAt } = useDirectory();
  const department = useDepartment();
  const [query, setQuery] = useState('');
  if (view === null && alarm === null) return failure === null ? <Loading label={t('directory.reading')} /> : <Failure error={failure} onRetry={reload} />;
  const people = Object.values(view?.people ?? {}).filter((one) => query === '' || one.name.includes(query) || department(one.department).includes(query));
  return (
    <div className="page list-page">
      <div className="sheet">
        <h1>{t('directory.title')}</h1>
        {alarm !== null && (
          <div className="note-bad" role="alert" data-testid="directory-alarm-full">
            <b>
              {said(alarm)} ({alarm.code})
            </b>
            <p>{t('directory.alarmLong')}</p>
            <Button onClick={reload}>{t('action.retry')}</Button>
          </div>
        )}
        {view !== null && (
          <>
            <p className="muted">
              {t('directory.state', { n: view.size, at: instant(view.at) })} · {t('directory.witnessed', { n: witnesses.filter((one) => one.size === view.size).length })}
            </p>
            <p>
              <code className="hash">{view.head}</code>
            </p>
            <Changed />
            <Input.Search className="filter-q" allowClear placeholder={t('directory.find')} aria-label={t('directory.find')} value={query} onChange={(event) => setQuery(event.target.value)} />
            <table className="grid roomy" aria-label={t('directory.title')}>
              <thead>
                <tr>
                  <th scope="col">{t('users.name')}</th>
                  <th scope="col">{t('portal.column.hospital')}</th>
                  <th scope="col">{t('directory.department')}</th>
                  <th scope="col">{t('directory.key')}</th>
                  <th scope="col">{t('column.state')}</th>
                </tr>
              </thead>
              <tbody>
                {people.map((one) => (
                  <tr key={one.person} data-person={one.person}>
                    <td>
                      <b>{one.name}</b> <Title title={one.title} />
                    </td>
                    <td>{view.hospitals[one.hospital]?.name ?? one.hospital}</td>
                    <td>{department(one.department)}</td>
                    <td>
                      <code>{spoken(one.key)}</code>
                    </td>
                    <td>
                      {view.revoked[one.person] !== undefined ? (
                        <PlainChip tone="bad" glyph="✕" label={t('directory.revoked')} />
                      ) : one.retired_at !== '' ? (
                        <PlainChip tone="quiet" glyph="–" label={t('directory.retired')} />
                      ) : (
                        <>
                          {changedAt(one.person) !== '' && <PlainChip tone="warn" glyph="!" label={t('directory.changed', { at: instant(changedAt(one.person)) })} />}
                          <Vouched of={one} />
                        </>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            <p className="muted">{t('directory.note')}</p>
          </>
        )}
      </div>
    </div>
  );
}
