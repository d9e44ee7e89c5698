import { useEffect, useRef } from 'react';
import type { Lesion } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { fixed } from '../ui/format';

const KINDS: Record<string, Key> = {
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
const PLACES: Record<string, Key> = {
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

interface Props {
  lesions: readonly Lesion[];
  selected: number | null;
  onSelect: (lesion: number) => void;
}

/** Every lesion in two lines: what and where, then its numbers. Read-only. */
export function LesionTable({ lesions, selected, onSelect }: Props) {
  const { t } = useTexts();
  const body = useRef<HTMLTableSectionElement>(null);
  useEffect(() => {
    body.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [selected]);
  const name = (table: Record<string, Key>, code: string) => {
    const key = table[code];
    return key === undefined ? code : t(key);
  };
  return (
    <section>
      <h2>
        {t('lesion.title')} <span className="muted">{t('lesion.readOnly')}</span>
      </h2>
      <table className="lesions" data-testid="lesions">
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">{t('lesion.kind')}</th>
            <th scope="col">{t('lesion.axes')}</th>
            <th scope="col">{t('lesion.volume')}</th>
            <th scope="col">HU</th>
            <th scope="col">{t('lesion.probability')}</th>
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
                <small>{name(PLACES, lesion.location)}</small>
              </td>
              <td className="num">
                {fixed(lesion.long_axis_mm, 1)} × {fixed(lesion.short_axis_mm, 1)}
              </td>
              <td className="num">{fixed(lesion.volume_ml, 2)}</td>
              <td className="num">{fixed(lesion.mean_hu, 0)}</td>
              <td className="num">{fixed(lesion.probability, 2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
