/** Exactly what would be sealed and sent, with sizes and the time it takes on the line as it was measured. */
import { useEffect, useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { bytes, date } from '../ui/format';
import { useFailureText } from '../ui/states';
import { includeOf, typedFacts, type Asked } from './asked';
import type { GoingItem, WouldGo } from './box';
import { useSpan } from './Marks';

const AFTER_MS = 400;

/** What a part is, in words; shared with the progress afterwards. */
export function usePartName(): (part: { kind: string; title: string; study: number }) => string {
  const { t } = useTexts();
  return ({ kind, title, study }) => {
    const known = (['laboratory', 'lung_function', 'pathology'] as const).find((one) => one === title);
    const name = kind === 'facts' && known !== undefined ? t(`facts.${known}`) : t(`piece.${kind as 'frames'}`);
    const prior = study > 0 ? `${t('case.prior')} ${study} · ` : '';
    return `${prior}${name}${title === '' || known !== undefined ? '' : `：${title}`}`;
  };
}

function Line({ item }: { item: GoingItem }) {
  const { t } = useTexts();
  const name = usePartName();
  return (
    <tr>
      <td>{name(item)}</td>
      <td className="num right">{item.kind === 'frames' ? t('going.images', { n: item.count }) : item.kind === 'facts' ? t('going.facts', { n: item.count }) : ''}</td>
      <td className="num right">{item.at_most ? t('going.atMost', { size: bytes(item.bytes) }) : bytes(item.bytes)}</td>
    </tr>
  );
}

function useWouldGo(study: string, consult: string, asked: Asked): { told: WouldGo | null; error: unknown } {
  const { api } = useSession();
  const [state, setState] = useState<{ told: WouldGo | null; error: unknown }>({ told: null, error: null });
  // Half a row is no fact yet; it is asked again once it is whole.
  const include = JSON.stringify(includeOf({ ...asked, entered: typedFacts(asked.entered).filter((one) => one.test.trim() !== '' && one.result.trim() !== '') }));
  useEffect(() => {
    let left = false;
    const timer = window.setTimeout(() => {
      api.send<WouldGo>('POST', `/api/studies/${encodeURIComponent(study)}/consult/preview`, { consult, include: JSON.parse(include) as unknown }).then(
        (told) => !left && setState({ told, error: null }),
        (error: unknown) => !left && setState((old) => ({ ...old, error })),
      );
    }, AFTER_MS);
    return () => {
      left = true;
      window.clearTimeout(timer);
    };
  }, [api, study, consult, include]);
  return state;
}

export function Preview({ study, consult, asked }: { study: string; consult: string; asked: Asked }) {
  const { t } = useTexts();
  const said = useSpan();
  const failureText = useFailureText();
  const { told, error } = useWouldGo(study, consult, asked);
  return (
    <section className="going" aria-live="polite" data-testid="going">
      <h3>{t('going.title')}</h3>
      {error !== null && <p className="note-warn">✕ {failureText(error)}</p>}
      {told === null && error === null && <p className="muted">{t('going.counting')}</p>}
      {told !== null && (
        <>
          <p className="muted">
            {told.studies.map((one) => `${one.prior ? `${t('case.prior')} ` : ''}${one.modality} ${date(one.study_date)} ${one.description}`.trim()).join('；')}
          </p>
          <div className="going-scroll">
            <table className="facts-table">
              <tbody>
                {told.items.map((item, at) => (
                  <Line key={at} item={item} />
                ))}
              </tbody>
            </table>
          </div>
          <p>
            <b>{t('going.total', { size: bytes(told.bytes) })}</b> · {told.seconds === null || told.rate_bytes_s === null ? t('going.noRate') : t('going.time', { span: said(told.seconds), rate: bytes(told.rate_bytes_s) })}
          </p>
          <p className="muted">{t('going.also')}</p>
        </>
      )}
    </section>
  );
}
