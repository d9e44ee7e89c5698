/** What radiograph and CT say together, and each one's marks upon the other. Read-only. */
import { useTexts } from '../i18n';
import { fixed } from '../ui/format';
import type { Pictures } from './FollowUpView';
import { inFront, type Joint } from './joined';

function Film({ found, pictures }: { found: Joint; pictures: Pictures }) {
  const { t } = useTexts();
  const { rows, columns } = found.film;
  const size = columns / 24;
  return (
    <figure className="joined-picture">
      <div className="marked">
        <img src={`${pictures.base}/film`} alt={t('joined.film')} data-testid="film-picture" />
        <svg viewBox={`0 0 ${columns} ${rows}`} preserveAspectRatio="none" aria-hidden="true">
          {found.regions?.map(({ box_px: [top, left, bottom, right] }, at) => (
            <g key={at}>
              <title>{t('joined.markRegion', { n: at + 1 })}</title>
              <rect className="mark-region" x={left} y={top} width={right - left} height={bottom - top} />
              <text className="mark-name of-region" x={left} y={top - size / 4} fontSize={size}>{`R${at + 1}`}</text>
            </g>
          ))}
          {found.overlay?.lesions?.filter((one) => one.in_image).map((one) => (
            <g key={one.lesion_id}>
              <title>{t('joined.markLesion', { n: one.lesion_id })}</title>
              <ellipse className="mark-lesion" cx={one.centre_px[1]} cy={one.centre_px[0]} rx={one.ellipse_px[1]} ry={one.ellipse_px[0]} />
              <text className="mark-name" x={one.centre_px[1]} y={one.centre_px[0]} fontSize={size} textAnchor="middle" dominantBaseline="central">{`#${one.lesion_id}`}</text>
            </g>
          ))}
        </svg>
      </div>
      <figcaption>{t('joined.film')}</figcaption>
    </figure>
  );
}

function Front({ found, pictures }: { found: Joint; pictures: Pictures }) {
  const { t } = useTexts();
  const { front } = found;
  const size = front.width_mm / 24;
  return (
    <figure className="joined-picture">
      <div className="marked">
        <img src={`${pictures.base}/front`} alt={t('joined.front')} data-testid="front-picture" />
        <svg viewBox={`0 0 ${front.width_mm} ${front.height_mm}`} preserveAspectRatio="none" aria-hidden="true">
          {found.overlay?.regions?.map((one) => {
            const [x, y] = inFront(front, (one.front_mm[0] + one.back_mm[0]) / 2, (one.front_mm[2] + one.back_mm[2]) / 2);
            return (
              <g key={one.region}>
                <title>{t('joined.markRegion', { n: one.region + 1 })}</title>
                <ellipse className="mark-region-place" cx={x} cy={y} rx={one.radius_mm[0]} ry={one.radius_mm[1]} />
                <text className="mark-name of-region" x={x} y={y - one.radius_mm[1] - size / 3} fontSize={size} textAnchor="middle">{`R${one.region + 1}`}</text>
              </g>
            );
          })}
          {found.lesions.map((lesion) => {
            const [x, y] = inFront(front, lesion.centroid_mm[0], lesion.centroid_mm[2]);
            return (
              <g key={lesion.id}>
                <title>{t('joined.markLesion', { n: lesion.id })}</title>
                <circle className="mark-lesion" cx={x} cy={y} r={Math.max(3, lesion.long_axis_mm / 2)} />
                <text className="mark-name" x={x} y={y} fontSize={size} textAnchor="middle" dominantBaseline="central">{`#${lesion.id}`}</text>
              </g>
            );
          })}
        </svg>
      </div>
      <figcaption>{t('joined.front')}</figcaption>
    </figure>
  );
}

export function JointView({ found, pictures }: { found: Joint; pictures: Pictures }) {
  const { t, said } = useTexts();
  const { overlay } = found;
  return (
    <>
      <p className={found.agree ? 'joined-conclusion' : 'note-warn'}>{t(found.agree ? 'joined.agree' : 'joined.disagree')}</p>
      <ul className="statements" data-testid="statements">
        {found.statements.map((one) => (
          <li key={one.code} className={`stand-${one.stand}`}>
            <span className="stand">{t(`joined.stand.${one.stand}`)}</span>
            <span>{said({ message_zh: one.zh, message_en: one.en })}</span>
          </li>
        ))}
      </ul>
      <section>
        <h2>{t('joined.overlay')}</h2>
        {overlay?.reason != null && (
          <p className="note-warn">
            {said(overlay.reason)} ({overlay.reason.code})
          </p>
        )}
        <div className="pair-pictures">
          <Film found={found} pictures={pictures} />
          <Front found={found} pictures={pictures} />
        </div>
        {overlay?.status === 'ok' && <p className="muted">{t('joined.agreement', { value: fixed(overlay.agreement, 2) })}</p>}
        {found.regions === null && <p className="muted">{t('joined.noRegions')}</p>}
      </section>
    </>
  );
}
