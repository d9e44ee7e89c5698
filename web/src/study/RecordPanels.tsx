import type { Delivery, DeliveryState, Study } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { DeliveryChip } from '../ui/chips';
import { instant } from '../ui/format';

const LABELS: Record<string, Key> = { seg: 'object.seg', sr: 'object.sr', sc: 'object.sc' };

/** Forwarded images in one line: how many of them are in which state at which destination. */
export function imagesOf(deliveries: readonly Delivery[]): { destination: string; state: DeliveryState; count: number; at: string }[] {
  const groups = new Map<string, { destination: string; state: DeliveryState; count: number; at: string }>();
  for (const { label, destination, state, at } of deliveries) {
    if (label !== 'image') continue;
    const group = groups.get(`${destination} ${state}`) ?? { destination, state, count: 0, at };
    groups.set(`${destination} ${state}`, { ...group, count: group.count + 1, at: at > group.at ? at : group.at });
  }
  return [...groups.values()];
}

/** `person:li`, `peer:ct1`, `node:…` as words. */
function useActor(): (actor: string) => string {
  const { t } = useTexts();
  return (actor) => {
    const [kind, ...rest] = actor.split(':');
    const name = rest.join(':');
    return kind === 'person' ? name : kind === 'peer' ? t('actor.peer', { name }) : t('actor.node');
  };
}

/** What is in the PACS, and whether the PACS said so. */
export function DeliveryPanel({ study }: { study: Study }) {
  const { t } = useTexts();
  const results = study.deliveries.filter((delivery) => delivery.label !== 'image');
  if (study.deliveries.length === 0) return <p className="muted">{t('delivery.nothing')}</p>;
  return (
    <ul className="cards">
      {results.map((delivery) => (
        <li key={`${delivery.destination} ${delivery.sop_instance}`}>
          <div className="card-head">
            <b>{t(LABELS[delivery.label] ?? 'object.other')}</b>
            <span>→ {delivery.destination}</span>
            <DeliveryChip state={delivery.state} />
          </div>
          <p>{t(`delivery.${delivery.state}.long`)}</p>
          <p className="muted num wrap">
            {instant(delivery.at)} · {delivery.sop_instance}
          </p>
        </li>
      ))}
      {imagesOf(study.deliveries).map((group) => (
        <li key={`${group.destination} ${group.state}`}>
          <div className="card-head">
            <b>{t('object.images', { n: group.count })}</b>
            <span>→ {group.destination}</span>
            <DeliveryChip state={group.state} />
          </div>
          <p className="muted num">{instant(group.at)}</p>
        </li>
      ))}
    </ul>
  );
}

export function HistoryPanel({ study }: { study: Study }) {
  const { t, said } = useTexts();
  const actor = useActor();
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
                {actor(entry.actor)}
              </p>
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}
