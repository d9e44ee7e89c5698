import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { ReasonDialog } from '../pages/ReasonDialog';

/** 仍然分析: a physician takes the decision, with a reason that is kept. */
export function OverrideDialog({ study, onClose, onDone }: { study: string; onClose: () => void; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  return (
    <ReasonDialog
      title={t('override.button')}
      explain={t('override.explain')}
      confirm={t('override.confirm')}
      act={(reason) => api.send('POST', `/api/studies/${encodeURIComponent(study)}/override`, { reason }).then(onDone)}
      onClose={onClose}
    />
  );
}
