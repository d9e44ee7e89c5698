/** Alarms that a person must see; dismissed with a reason that the access journal keeps. */
import { Button } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { ReasonDialog } from '../pages/ReasonDialog';
import { instant } from '../ui/format';
import type { BoxAlarm } from './box';

interface Props {
  alarms: readonly BoxAlarm[];
  may: boolean;
  /** Where a dismissal goes. */
  pathOf: (alarm: BoxAlarm) => string;
  onChanged: () => void;
}

export function AlarmList({ alarms, may, pathOf, onChanged }: Props) {
  const { t, said } = useTexts();
  const { api } = useSession();
  const [asked, setAsked] = useState<BoxAlarm | null>(null);
  return (
    <>
      {alarms.map((alarm) => (
        <div key={`${alarm.code} ${alarm.about}`} className={alarm.seen_by === '' ? 'note-bad' : 'muted'} role={alarm.seen_by === '' ? 'alert' : undefined} data-testid="alarm">
          <p>
            ✕ {said(alarm)} ({alarm.code}) · <span className="num">{instant(alarm.last)}</span>
          </p>
          {alarm.seen_by !== '' && <p>{t('region.seenBy', { by: alarm.seen_by })}</p>}
          {alarm.seen_by === '' && may && (
            <Button size="small" onClick={() => setAsked(alarm)}>
              {t('region.seen')}
            </Button>
          )}
        </div>
      ))}
      {asked !== null && (
        <ReasonDialog
          title={t('alarm.dismiss', { code: asked.code })}
          explain={said(asked)}
          confirm={t('region.seen')}
          act={async (reason) => {
            await api.send('POST', pathOf(asked), { reason, ...(pathOf(asked).startsWith('/api/region') ? { about: asked.about } : {}) });
            onChanged();
          }}
          onClose={() => setAsked(null)}
        />
      )}
    </>
  );
}
