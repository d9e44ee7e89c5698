import type { CaseFindings, CaseSign } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { fixed } from '../ui/format';
import { LOBES } from './LesionTable';

const SIGNS: Record<string, Key> = {
  cavity: 'kind.cavity',
  tree_in_bud: 'kind.tree_in_bud',
  miliary: 'kind.miliary',
  consolidation: 'kind.consolidation',
  pleural_effusion: 'kind.pleural_effusion',
  effusion: 'kind.pleural_effusion',
  fibrosis: 'kind.fibrosis',
  lymph_node: 'kind.lymph_node',
  calcification: 'kind.calcification',
  upper_zone: 'sign.upper_zone',
  several_kinds: 'sign.several_kinds',
  bilateral: 'sign.bilateral',
  lone_nodule_or_mass: 'sign.lone_nodule_or_mass',
  healed_only: 'sign.healed_only',
  thick_walled_cavity: 'sign.thick_walled_cavity',
  multiple_cavities: 'sign.multiple_cavities',
  more_than_three_lobes: 'sign.more_than_three_lobes',
  destroyed_lobe: 'sign.destroyed_lobe',
};
const SEVERITIES: Record<string, Key> = {
  none: 'severity.none',
  minimal: 'severity.minimal',
  moderately_advanced: 'severity.moderately_advanced',
  far_advanced: 'severity.far_advanced',
};

/** The patient as a whole: suspicion with its interval and grounds, extent, activity, research signs. Read-only. */
export function CaseSummary({ found }: { found: CaseFindings }) {
  const { t } = useTexts();
  const word = (table: Record<string, Key>, code: string) => {
    const key = table[code];
    return key === undefined ? code : t(key);
  };
  const signs = (list: readonly CaseSign[]) => list.map((sign) => `${word(SIGNS, sign.code)} (${sign.lesions.map((n) => `#${n}`).join(' ')})`).join(t('list.comma'));
  const lobes = Object.entries(found.burden_by_lobe)
    .filter(([, part]) => part >= 0.5)
    .sort((a, b) => b[1] - a[1])
    .map(([lobe, part]) => `${word(LOBES, lobe)} ${fixed(part, 0)} %`);
  return (
    <section data-testid="case">
      <h2>{t('case.title')}</h2>
      <dl className="facts">
        <dt>{t('case.suspicion')}</dt>
        <dd>
          <b className="num">{fixed(found.suspicion, 2)}</b> ({fixed(found.interval[0], 2)}–{fixed(found.interval[1], 2)}) {found.suspected ? t('case.suspected') : t('case.below')}
          <br />
          <span className="muted">{t('case.notValidated')}</span>
        </dd>
        {found.basis.length > 0 && (
          <>
            <dt>{t('case.basis')}</dt>
            <dd>{signs(found.basis)}</dd>
          </>
        )}
        {found.burden_percent !== null && (
          <>
            <dt>{t('case.burden')}</dt>
            <dd>
              {fixed(found.burden_percent, 1)} % · {word(SEVERITIES, found.severity)}
              {lobes.length > 0 && <span className="muted"> · {lobes.join(t('list.comma'))}</span>}
            </dd>
          </>
        )}
        {found.activity.length > 0 && (
          <>
            <dt>{t('case.activity')}</dt>
            <dd>{signs(found.activity)}</dd>
          </>
        )}
        {found.resistance.length > 0 && (
          <>
            <dt>{t('case.resistance')}</dt>
            <dd>
              {signs(found.resistance)}
              <br />
              <span className="muted">{t('case.research')}</span>
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}
