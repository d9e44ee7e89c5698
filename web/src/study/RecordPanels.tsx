import type { Study } from '../api/types';
import { useTexts } from '../i18n';
import { DeliveryChip } from '../ui/chips';
import { instant } from '../ui/format';

/** What is in the PACS, and whether the PACS said so. */
export function DeliveryPanel({ study }: { study: Study }) {
  const { t } = useTexts();
  if (study.deliveries.length === 0) return <p className="muted">{t('delivery.nothing')}</p>;
  return (
    <ul className="cards">
      {study.deliveries.map((delivery) => (
        <li key={`${delivery.destination} ${delivery.sop_instance}`}>
          <div className="card-head">
            <b>{delivery.label}</b>
            <span>→ {delivery.destination}</span>
            <DeliveryChip state={delivery.state} />
          </div>
          <p>{t(`delivery.${delivery.state}.long`)}</p>
          <p className="muted num wrap">
            {instant(delivery.at)} · {delivery.sop_instance}
          </p>
        </li>
      ))}
    </ul>
  );
}

export function HistoryPanel({ study }: { study: Study }) {
  const { t, said } = useTexts();
  return (
    <>
      {study.text_repairs.length > 0 && (
        <section>
          <h2>{t('history.repairs')}</h2>
          <ul className="cards">
            {study.text_repairs.map((repair, index) => (
              <li key={index}>
                <p>{said(repair)}</p>
                <p className="muted num">
                  {repair.tag} {repair.rule}
                </p>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2>{t('panel.history')}</h2>
        <ol className="timeline">
          {study.history.map((entry, index) => (
            <li key={index}>
              <span className="num muted">{instant(entry.at)}</span>
              <p>{said({ message_zh: entry.text_zh, message_en: entry.text_en })}</p>
              <p className="muted">
                {entry.actor} · {entry.kind}
              </p>
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}
