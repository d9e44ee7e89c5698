/** A coordinator seats an expert; the case stays closed to the coordinator. */
import { Alert, Button, Modal, Radio } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { PlaceChip, placeOf, Title, UrgencyChip } from '../consult/Marks';
import { useTexts } from '../i18n';
import { Failure, Loading } from '../ui/states';
import { useRead } from '../ui/useRead';
import { EVENT_DOMAIN } from './case/opening';
import { randomId } from './case/useCase';
import { useSealFailureText } from './failure';
import { useKeys } from './seals';
import type { ConsultRow, Suggested } from './types';

export function AssignDialog({ row, onClose, onDone }: { row: ConsultRow; onClose: () => void; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const { seals } = useKeys();
  const failureText = useSealFailureText();
  const read = useRead<{ rows: Suggested[] }>(`/api/people/suggest?discipline=${encodeURIComponent(row.to_department ?? '')}`);
  const [person, setPerson] = useState<string | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  async function assign(): Promise<void> {
    const found = read.data?.rows.find((one) => one.person === person);
    if (found === undefined) return;
    setBusy(true);
    try {
      const path = `/api/consults/${encodeURIComponent(row.id)}`;
      const seen = await api.get<{ events: { link: string }[] }>(path);
      const body = { after: seen.events.at(-1)?.link ?? '', at: new Date().toISOString(), consult: row.id, event: randomId('e_'), kind: 'assigned', person: found.person, discipline: found.discipline };
      await api.send('POST', `${path}/events`, { statement: (await seals.signStatement(body, EVENT_DOMAIN)).text });
      onDone();
      onClose();
    } catch (error) {
      setFailure(failureText(error));
      setBusy(false);
    }
  }
  return (
    <Modal open onCancel={onClose} title={t('assign.title')} footer={null} width={480}>
      <p>
        {row.hospital_name} · {t(`consult.kind.${row.kind}`)} <UrgencyChip urgency={row.urgency} /> <PlaceChip place={placeOf(row.state, row.business_state)} />
      </p>
      <p className="muted">{t('assign.explain')}</p>
      {read.data === null && (read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />)}
      {read.data !== null && (
        <Radio.Group className="people-choice" value={person} onChange={(event) => setPerson(event.target.value as string)}>
          {read.data.rows.map((one) => (
            <Radio key={one.person} value={one.person} disabled={!one.key}>
              {one.name} · <Title title={one.title} /> · {one.hospital_name} {one.on_duty && <span className="chip chip-good">{t('duty.on')}</span>} {!one.key && <span className="chip chip-warn">{t('keys.noneYet')}</span>}
            </Radio>
          ))}
        </Radio.Group>
      )}
      {failure !== null && <Alert type="error" showIcon title={failure} />}
      <div className="form-end">
        <Button onClick={onClose}>{t('action.cancel')}</Button>
        <Button type="primary" loading={busy} disabled={person === null} onClick={() => void assign()}>
          {t('assign.button')}
        </Button>
      </div>
    </Modal>
  );
}
