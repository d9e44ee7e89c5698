/** What a PET adds: hot foci with their uptake, why there is no SUV, the fused pictures. Read-only. */
import type { Study } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { fixed } from '../ui/format';
import type { Pictures } from './FollowUpView';
import type { Focus, Pet } from './joined';

const SITES: Record<string, Key> = {
  right_lung: 'joined.site.right_lung',
  left_lung: 'joined.site.left_lung',
  mediastinum: 'joined.site.mediastinum',
  heart: 'joined.site.heart',
  liver: 'joined.site.liver',
  abdomen: 'joined.site.abdomen',
  chest_wall: 'joined.site.chest_wall',
  outside: 'joined.site.outside',
};

function Foci({ foci }: { foci: readonly Focus[] }) {
  const { t } = useTexts();
  const assessed = foci.filter((focus) => focus.assessed);
  const beside = foci.length - assessed.length;
  return (
    <>
      {assessed.length === 0 ? (
        <p>{t('joined.pet.none')}</p>
      ) : (
        <table className="changes" data-testid="foci">
          <thead>
            <tr>
              <th scope="col">{t('joined.pet.focus')}</th>
              <th scope="col">{t('joined.pet.site')}</th>
              <th scope="col" className="num">
                {t('joined.pet.max')}
              </th>
              <th scope="col" className="num">
                {t('joined.pet.peak')}
              </th>
              <th scope="col" className="num">
                {t('joined.pet.volume')}
              </th>
            </tr>
          </thead>
          <tbody>
            {assessed.map((focus) => {
              const key = SITES[focus.site];
              return (
                <tr key={focus.id}>
                  <td>F{focus.id}</td>
                  <td>
                    {key === undefined ? focus.site : t(key)}
                    <small>{focus.lesion === null ? '—' : `#${focus.lesion}`}</small>
                  </td>
                  <td className="num">{fixed(focus.suv_max, 1)}</td>
                  <td className="num">{fixed(focus.suv_peak, 1)}</td>
                  <td className="num">{fixed(focus.metabolic_volume_41_ml, 1)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {beside > 0 && <p className="muted">{t('joined.pet.elsewhere', { n: beside })}</p>}
    </>
  );
}

function Basis({ pet }: { pet: Pet }) {
  const { t } = useTexts();
  const { suv, alignment } = pet;
  const facts = (found: NonNullable<Pet['alignment']>) => ({ mm: fixed(found.shared_frame === false ? found.spread_mm : found.length_mm, 1), deg: fixed(found.angle_deg, 1) });
  return (
    <dl className="facts">
      {suv !== null && (
        <>
          <dt>{t('joined.pet.threshold')}</dt>
          <dd className="num">SUV {fixed(suv.hot_threshold, 2)}</dd>
          <dt>{t('joined.pet.liver')}</dt>
          <dd className="num">{suv.liver_mean === null ? '—' : `${fixed(suv.liver_mean, 2)} ± ${fixed(suv.liver_sd, 2)}`}</dd>
          <dt>{t('joined.pet.uptake')}</dt>
          <dd className="num">{fixed(suv.uptake_min, 0)} min</dd>
        </>
      )}
      {alignment !== null && (
        <>
          <dt>{t('joined.pet.alignment')}</dt>
          <dd>{t(alignment.shared_frame === false ? 'joined.pet.twoFrames' : alignment.used ? 'joined.pet.aligned' : 'joined.pet.geometry', facts(alignment))}</dd>
        </>
      )}
    </dl>
  );
}

function Picture({ src, caption }: { src: string; caption: string }) {
  return (
    <figure className="joined-picture">
      <img src={src} alt={caption} loading="lazy" data-testid="fused-picture" />
      <figcaption>{caption}</figcaption>
    </figure>
  );
}

export function PetView({ pet, pictures }: { pet: Pet; pictures: Pictures }) {
  const { t, said } = useTexts();
  const shown = pictures.names.filter((name) => name !== 'projection');
  return (
    <>
      {pet.suv === null && (
        <p className="note-warn">
          {t('joined.pet.noSuv')}
          {pet.reason !== null && `: ${said(pet.reason)} (${pet.reason.code})`}
        </p>
      )}
      {pet.foci != null && <Foci foci={pet.foci} />}
      {pet.qc?.reasons.filter((reason) => reason.code !== pet.reason?.code).map((reason) => (
        <p key={reason.code} className="note-warn">
          ! {said(reason)}
        </p>
      ))}
      {shown.map((name) => (
        <Picture key={name} src={`${pictures.base}/${name}`} caption={t('joined.pet.picture', { name: name.startsWith('focus-') ? `F${name.slice(6)}` : 'CT' })} />
      ))}
      {pictures.names.includes('projection') && <Picture src={`${pictures.base}/projection`} caption={t('joined.pet.projection')} />}
      <Basis pet={pet} />
      {pet.sentences.map((one, at) => (
        <p key={at} className="muted">
          {said({ message_zh: one.zh, message_en: one.en })}
        </p>
      ))}
    </>
  );
}

/** The PET that lies in the study itself; nothing where there is none. */
export function OwnPet({ study, base }: { study: Study; base: string }) {
  const { t } = useTexts();
  const held = study as Study & { analysis: { pet?: Pet } | null; report?: { objects?: { label: string }[] } | null };
  const pet = held.analysis?.pet;
  if (pet === undefined) return null;
  const pages = held.report?.objects?.filter((one) => one.label === 'fused').length ?? 0;
  return (
    <section data-testid="own-pet">
      <h2>
        {t('joined.pet')} <span className="muted">{t('joined.pet.own')}</span>
      </h2>
      <PetView pet={pet} pictures={{ base: '', names: [] }} />
      {Array.from({ length: pages }, (_, at) => (
        <Picture key={at} src={`${base}/fused/${at + 1}`} caption={t('joined.pet.page', { n: at + 1 })} />
      ))}
    </section>
  );
}
