/** Prior and current CT: conclusion, each lesion's change against repeatability, pictures, registration. Read-only. */
import { useState } from 'react';
import { useTexts } from '../i18n';
import { date, fixed } from '../ui/format';
import { percent, volumeOf, type FollowUp, type LesionChange } from './joined';
import { KINDS } from './LesionTable';

export interface Pictures {
  base: string;
  names: readonly string[];
}

interface Props {
  found: FollowUp;
  pictures: Pictures;
  onSelect: ((lesion: number) => void) | undefined;
}

function Volume({ held, digits }: { held: ReturnType<typeof volumeOf>; digits: number }) {
  const { t } = useTexts();
  if (held === null) return <>—</>;
  const { interval } = held;
  return (
    <>
      {fixed(held.ml, digits)}
      {interval !== null && <small title={t('joined.interval', { low: fixed(interval[0], digits), high: fixed(interval[1], digits) })}>{`${fixed(interval[0], digits)}–${fixed(interval[1], digits)}`}</small>}
    </>
  );
}

function Row({ found, change, at, chosen, onChoose }: { found: FollowUp; change: LesionChange; at: number; chosen: boolean; onChoose: () => void }) {
  const { t } = useTexts();
  const ids = (list: readonly number[]) => (list.length === 0 ? '–' : list.map((n) => `#${n}`).join(' '));
  const code = change.kind_current ?? change.kind_prior ?? '';
  const key = KINDS[code];
  const digits = Math.max(change.volume_prior_ml ?? 0, change.volume_current_ml ?? 0) >= 10 ? 1 : 2;
  return (
    <tr aria-selected={chosen} onClick={onChoose}>
      <td>
        <button type="button" className="change-go num" aria-label={t('joined.showChange', { n: at + 1 })}>
          {ids(change.prior_ids)} → {ids(change.current_ids)}
        </button>
      </td>
      <td>
        {key === undefined ? code : t(key)}
        <small className={`change-${change.verdict}`}>{t(`joined.verdict.${change.verdict}`)}</small>
      </td>
      <td className="num">
        <Volume held={volumeOf(found.prior, change.prior_ids, change.volume_prior_ml)} digits={digits} />
      </td>
      <td className="num">
        <Volume held={volumeOf(found.current, change.current_ids, change.volume_current_ml)} digits={digits} />
      </td>
      <td className="num">{percent(change.volume_change)}</td>
    </tr>
  );
}

/** Before and after of one lesion, and by which rule it was judged. */
function Chosen({ found, change, at, pictures }: { found: FollowUp; change: LesionChange; at: number; pictures: Pictures }) {
  const { t, said } = useTexts();
  const name = `change-${at}`;
  const time = change.doubling_time_days;
  const pair = t('joined.pair', { prior: date(found.prior.study_date), current: date(found.current.study_date) });
  return (
    <>
      <p>{said({ message_zh: change.verdict_zh, message_en: change.verdict_en })}</p>
      {pictures.names.includes(name) ? (
        <figure className="joined-picture">
          <img src={`${pictures.base}/${name}`} alt={pair} data-testid="change-picture" />
          <figcaption>{pair}</figcaption>
        </figure>
      ) : (
        <p className="muted">{t('joined.noPicture')}</p>
      )}
      <p className="muted">
        {change.rule !== '' && t('joined.rule', { rule: change.rule })}
        {time !== null && ` · ${t('joined.doubling', { days: fixed(time[0], 0), low: fixed(time[1], 0), high: fixed(time[2], 0) })}`}
      </p>
    </>
  );
}

function Quality({ found }: { found: FollowUp }) {
  const { t } = useTexts();
  const { registration, lung_ml: lungs, recist } = found;
  return (
    <section>
      <h2>{t('joined.quality')}</h2>
      <dl className="facts">
        {registration !== null && (
          <>
            <dt>{t('joined.quality.dice')}</dt>
            <dd className="num">{fixed(registration.lung_dice, 3)}</dd>
            <dt>{t('joined.quality.found')}</dt>
            <dd className="num">{fixed(100 * registration.found_share, 0)} %</dd>
            <dt>{t('joined.quality.blocks')}</dt>
            <dd className="num">{fixed(registration.block_correlation, 2)}</dd>
            <dt>{t('joined.quality.residual')}</dt>
            <dd className="num">{`${fixed(registration.residual_median_mm, 1)} / ${fixed(registration.residual_p95_mm, 1)} mm`}</dd>
          </>
        )}
        {lungs !== null && (
          <>
            <dt>{t('joined.lungs')}</dt>
            <dd className="num">{`${fixed(lungs[0] / 1000, 2)} → ${fixed(lungs[1] / 1000, 2)} L`}</dd>
          </>
        )}
        <dt>{t('joined.slices')}</dt>
        <dd className="num">{`${fixed(found.prior.slice_spacing_mm, 1)} / ${fixed(found.current.slice_spacing_mm, 1)} mm`}</dd>
        {recist !== null && recist.target_ids.length > 0 && (
          <>
            <dt>{t('joined.recist')}</dt>
            <dd className="num">{`${recist.category} · ${fixed(recist.sum_prior_mm, 1)} → ${fixed(recist.sum_current_mm, 1)} mm`}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

export function FollowUpView({ found, pictures, onSelect }: Props) {
  const { t, said } = useTexts();
  const first = found.changes?.findIndex((_, at) => pictures.names.includes(`change-${at}`)) ?? -1;
  const [chosen, setChosen] = useState<number | null>(null);
  const shown = chosen ?? (first < 0 ? null : first);
  const change = shown === null ? undefined : found.changes?.[shown];
  function choose(at: number): void {
    setChosen(at);
    const [lesion] = found.changes?.[at]?.current_ids ?? [];
    if (lesion !== undefined) onSelect?.(lesion);
  }
  return (
    <>
      <p className="joined-conclusion">{said({ message_zh: found.conclusion_zh, message_en: found.conclusion_en })}</p>
      {found.changes !== null &&
        found.reasons.map((reason) => (
          <p key={reason.code} className="note-warn">
            ! {said(reason)}
          </p>
        ))}
      {found.changes?.length === 0 && <p className="muted">{t('joined.noChanges')}</p>}
      {found.changes !== null && found.changes.length > 0 && (
        <section>
          <h2>{t('joined.changes')}</h2>
          <table className="changes" data-testid="changes">
            <thead>
              <tr>
                <th scope="col">{t('joined.column.lesion')}</th>
                <th scope="col">{t('joined.column.verdict')}</th>
                <th scope="col" className="num" colSpan={2}>
                  {t('joined.column.volume')}
                </th>
                <th scope="col" className="num">
                  {t('joined.column.change')}
                </th>
              </tr>
            </thead>
            <tbody>
              {found.changes.map((one, at) => (
                <Row key={at} found={found} change={one} at={at} chosen={at === shown} onChoose={() => choose(at)} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {change !== undefined && shown !== null && <Chosen found={found} change={change} at={shown} pictures={pictures} />}
      <Quality found={found} />
      <p className="muted">{said({ message_zh: found.note_zh, message_en: found.note_en })}</p>
    </>
  );
}
