import { useTexts, type Key, type Texts } from '../i18n';
import { FILTER_NAMES, type FilterName, type Filters } from '../worklist/filters';

const LABELS: Record<FilterName, Key> = {
  q: 'key.search', name: 'column.patient', patient: 'column.patientId', modality: 'filter.device', manufacturer: 'column.manufacturer', model: 'column.model',
  institution: 'column.institution', department: 'column.department', ae: 'filter.ae', source: 'filter.source', qc: 'column.qc', ai: 'column.ai', finding: 'column.finding',
  report: 'column.report', screening: 'column.screening', sex: 'column.sex', from: 'filter.from', to: 'filter.to', days: 'filter.days', sort: 'sort.word',
  station: 'room.station', repeat: 'filter.repeat', reason: 'filter.reason', operator: 'filter.operator',
};
const SORTED: Record<string, Key> = {
  finding: 'sort.positiveFirst', qc: 'column.qc', ai: 'column.ai', report: 'column.report', name: 'column.patient', patient: 'column.patientId', date: 'column.studyDate', source: 'column.source', device: 'column.device',
};

/** A filter's value in words: a state by its own, a name as it is. */
function valueOf(name: FilterName, value: string, t: Texts['t']): string {
  const one = (word: string) => {
    if (name === 'sort') return `${t(SORTED[word.replace('-', '')] ?? 'sort.word')}${word.startsWith('-') ? ' ▼' : ''}`;
    const key = { qc: `qc.${word}`, ai: `ai.${word}`, sex: `sex.${word}`, finding: `home.finding.${word}`, report: `home.report.${word}`, screening: `screen.${word}`, days: `filter.days.${word}`, repeat: `repeat.state.${word}` }[name as string];
    return key === undefined ? word : t(key as Key);
  };
  return value.split(',').map(one).join(', ');
}

/** Filters as a person says them. */
export function Described({ filters }: { filters: Filters }) {
  const { t } = useTexts();
  const set = FILTER_NAMES.flatMap((name) => (filters[name] === undefined ? [] : [[name, filters[name]] as const]));
  if (set.length === 0) return <p>{t('screen.noFilters')}</p>;
  return (
    <p className="described">
      {set.map(([name, value]) => (
        <span key={name} className="chip chip-quiet">
          {t(LABELS[name])}: <b>{valueOf(name, value, t)}</b>
        </span>
      ))}
    </p>
  );
}
