/** Named result sets beside each other: whose, how many outlines, shown or not. */
import { Checkbox } from 'antd';
import { useTexts } from '../../i18n';
import { instant } from '../../ui/format';
import type { ResultSet } from './bundle';

/** A set's name in the language shown; what a hospital did not name is told by its source. */
export function useSetName(): (set: Pick<ResultSet, 'source' | 'zh' | 'en'>) => string {
  const { t, language } = useTexts();
  return (set) => (language === 'zh' ? set.zh || set.en : set.en || set.zh) || t(`case.set.${set.source}`);
}

export const outlinesIn = (set: ResultSet): number => Object.values(set.outlines.lines).flat().length;

interface Props {
  sets: readonly ResultSet[];
  hidden: ReadonlySet<string>;
  onToggle: (key: string) => void;
}

export function SetList({ sets, hidden, onToggle }: Props) {
  const { t } = useTexts();
  const name = useSetName();
  if (sets.length === 0) return null;
  return (
    <section data-testid="sets">
      <h2>{t('case.sets')}</h2>
      <ul className="plain-list">
        {sets.map((set) => (
          <li key={set.key}>
            <Checkbox checked={!hidden.has(set.key)} onChange={() => onToggle(set.key)}>
              <b className={`set-name set-${set.source}`}>{name(set)}</b> <span className="num">{t('case.setOutlines', { n: outlinesIn(set) })}</span>
            </Checkbox>
            <span className="muted">
              {set.by} {set.at !== '' && instant(set.at)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
