/** Keys that took another's place, shown until somebody at this computer has compared each and confirmed it. */
import { Button } from 'antd';
import { useTexts } from '../i18n';
import type { ChangedKey } from '../seals/client';
import { spoken } from '../seals/text';
import { instant } from '../ui/format';
import { useDirectory } from './directory';
import { useKeys } from './seals';

export function Changed() {
  const { t } = useTexts();
  const { view, reload } = useDirectory();
  const { seals } = useKeys();
  if (view === null || view.changed.length === 0) return null;
  const whose = (one: ChangedKey) => (one.kind === 'person' ? (view.people[one.id]?.name ?? one.id) : (view.hospitals[one.id]?.name ?? one.id.slice(0, 16)));
  return (
    <section aria-label={t('directory.changedTitle')}>
      <h2>{t('directory.changedTitle')}</h2>
      {view.changed.map((one) => (
        <div key={`${one.kind} ${one.id}`} className="note-warn" data-testid="changed-key" data-kind={one.kind}>
          <b>
            {whose(one)} · {t(`directory.changed.${one.kind}`)} · <span className="num">{instant(one.at)}</span>
          </b>
          <p>
            {t('directory.was')} <code>{spoken(one.old)}</code>
            <br />
            {t('directory.is')} <code>{spoken(one.new)}</code>
          </p>
          <p>{t(`directory.changedLong.${one.kind}`)}</p>
          <Button size="small" onClick={() => void seals.confirmKey(one.kind, one.id, one.new).then(reload)} data-testid="confirm-changed">
            {t('key.confirm')}
          </Button>
        </div>
      ))}
    </section>
  );
}
