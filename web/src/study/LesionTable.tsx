import { useEffect, useRef } from 'react';
import type { Lesion } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { fixed } from '../ui/format';
import { ChangeBrief } from './ChangeSince';
import { NO_CHANGES, type Changes } from './changes';

export const KINDS: Record<string, Key> = {
  solid_nodule: 'kind.solid_nodule',
  ground_glass_nodule: 'kind.ground_glass_nodule',
  part_solid_nodule: 'kind.part_solid_nodule',
  mass: 'kind.mass',
  cavity: 'kind.cavity',
  consolidation: 'kind.consolidation',
  tree_in_bud: 'kind.tree_in_bud',
  calcification: 'kind.calcification',
  pleural_effusion: 'kind.pleural_effusion',
  miliary: 'kind.miliary',
  fibrosis: 'kind.fibrosis',
  pleural_thickening: 'kind.pleural_thickening',
  lymph_node: 'kind.lymph_node',
};
export const PLACES: Record<string, Key> = {
  right_upper_zone: 'place.right_upper_zone',
  right_middle_zone: 'place.right_middle_zone',
  right_lower_zone: 'place.right_lower_zone',
  left_upper_zone: 'place.left_upper_zone',
  left_middle_zone: 'place.left_middle_zone',
  left_lower_zone: 'place.left_lower_zone',
  pleural_right: 'place.pleural_right',
  pleural_left: 'place.pleural_left',
  mediastinum_right: 'place.mediastinum_right',
  mediastinum_left: 'place.mediastinum_left',
};

export const LOBES: Record<string, Key> = {
  right_upper_lobe: 'lobe.right_upper_lobe',
  right_middle_lobe: 'lobe.right_middle_lobe',
  right_lower_lobe: 'lobe.right_lower_lobe',
  left_upper_lobe: 'lobe.left_upper_lobe',
  left_lower_lobe: 'lobe.left_lower_lobe',
};
const MARGINS: Record<string, Key> = {
  smooth: 'margin.smooth',
  lobulated: 'margin.lobulated',
  spiculated: 'margin.spiculated',
  poorly_defined: 'margin.poorly_defined',
};

/** Half the width of a number's repeatability interval; null where it has none. */
function half(lesion: Lesion, number: string): number | null {
  const ends = lesion.intervals?.[number];
  return ends === undefined ? null : (ends[1] - ends[0]) / 2;
}

interface Props {
  lesions: readonly Lesion[];
  selected: number | null;
  onSelect: (lesion: number) => void;
  /** Since the prior CT; the column is there where one was compared. */
  changes?: Changes;
  /** The panel is not scrolled to the chosen lesion. */
  still?: boolean;
}

/** How far a second scan of the unchanged lesion would lie. */
function Spread({ half, digits }: { half: number | null; digits: number }) {
  const { t } = useTexts();
  if (half === null) return null;
  return <small title={t('lesion.spread')}>±{fixed(half, digits)}</small>;
}

/** Every lesion in two lines: what and where, then its numbers. Read-only. */
export function LesionTable({ lesions, selected, onSelect, changes = NO_CHANGES, still = false }: Props) {
  const { t } = useTexts();
  const body = useRef<HTMLTableSectionElement>(null);
  useEffect(() => {
    if (!still) body.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [selected, still]);
  const name = (table: Record<string, Key>, code: string) => {
    const key = table[code];
    return key === undefined ? code : t(key);
  };
  const place = (lesion: Lesion) =>
    [
      name(PLACES, lesion.location),
      LOBES[lesion.codes?.lobe ?? ''],
      MARGINS[lesion.codes?.margin ?? ''],
    ]
      .filter((part) => part !== undefined)
      .map((part, at) => (at === 0 ? part : t(part as Key)))
      .join(' · ');
  return (
    <section>
      <h2>
        {t('lesion.title')} <span className="muted">{t('lesion.readOnly')}</span>
      </h2>
      <table className={changes.size > 0 ? 'lesions with-change' : 'lesions'} data-testid="lesions">
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">{t('lesion.kind')}</th>
            <th scope="col">{t('lesion.axes')}</th>
            <th scope="col">{t('lesion.volume')}</th>
            <th scope="col">HU</th>
            <th scope="col">{t('lesion.probability')}</th>
            {changes.size > 0 && <th scope="col">{t('lesion.change')}</th>}
          </tr>
        </thead>
        <tbody ref={body}>
          {lesions.map((lesion) => (
            <tr key={lesion.id} aria-selected={lesion.id === selected} onClick={() => onSelect(lesion.id)}>
              <td>
                <button type="button" className="lesion-go" onClick={() => onSelect(lesion.id)} aria-label={t('lesion.goTo', { n: lesion.id })}>
                  {lesion.id}
                </button>
              </td>
              <td>
                {name(KINDS, lesion.kind)}
                <small>{place(lesion)}</small>
              </td>
              <td className="num">
                {fixed(lesion.long_axis_mm, 1)} × {fixed(lesion.short_axis_mm, 1)}
                <Spread half={half(lesion, 'long_axis_mm')} digits={1} />
              </td>
              <td className="num">
                {fixed(lesion.volume_ml, 2)}
                <Spread half={half(lesion, 'volume_ml')} digits={2} />
              </td>
              <td className="num">{fixed(lesion.mean_hu, 0)}</td>
              <td className="num">{fixed(lesion.probability, 2)}</td>
              {changes.size > 0 && (
                <td className="num lesion-change">
                  <ChangeBrief change={changes.get(lesion.id)} />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
