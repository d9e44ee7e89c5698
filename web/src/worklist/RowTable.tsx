import { memo, useEffect, useRef } from 'react';
import type { Row } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { AiChip, DeliveryChip, PlainChip, QcChip } from '../ui/chips';
import { ageYears, date, instant, time } from '../ui/format';
import { Link } from '../ui/Link';

const COLUMNS: [Key, string][] = [
  ['column.qc', 'c-state'],
  ['column.ai', 'c-state'],
  ['column.finding', 'c-finding'],
  ['column.patient', 'c-name'],
  ['column.patientId', 'c-id'],
  ['column.sexAge', 'c-sex'],
  ['column.modalityShort', 'c-mod'],
  ['column.studyDate', 'c-date'],
  ['column.description', 'c-desc'],
  ['column.source', 'c-source'],
  ['column.images', 'c-num'],
  ['column.delivery', 'c-delivery'],
  ['column.flags', 'c-flags'],
];

/** What the AI said, in few words: "suspected" at most, and "none" only where it really looked. */
function Finding({ row }: { row: Row }) {
  const { t } = useTexts();
  if (row.ai !== 'ok') return <span className="muted">—</span>;
  if (row.tb_score !== null) {
    return (
      <span className={row.tb_positive === true ? 'finding positive' : 'finding'}>
        {row.tb_positive === true ? `▲ ${t('finding.suspected')}` : t('finding.below')} <span className="num">{row.tb_score.toFixed(2)}</span>
      </span>
    );
  }
  if (row.lesion_count === null) return <span className="muted">—</span>;
  return row.lesion_count === 0 ? <span>{t('finding.none')}</span> : <span className="finding positive">{t('finding.lesions', { n: row.lesion_count })}</span>;
}

function Flags({ row, withdrawn }: { row: Row; withdrawn: boolean }) {
  const { t } = useTexts();
  return (
    <span className="flags">
      {withdrawn && <PlainChip tone="bad" glyph="✕" label={t('flag.withdrawn')} />}
      {row.completeness === 'receiving' && <PlainChip tone="busy" glyph="↓" label={t('flag.receiving')} />}
      {row.superseded && <PlainChip tone="warn" glyph="↻" label={t('flag.superseded')} title={t('flag.superseded.long')} />}
      {row.overridden && <PlainChip tone="warn" glyph="✎" label={t('flag.overridden')} title={t('flag.overridden.long')} />}
      {row.text_repaired && <PlainChip tone="quiet" glyph="文" label={t('flag.textRepaired')} title={t('flag.textRepaired.long')} />}
      {row.identity_corrected && <PlainChip tone="quiet" glyph="⇄" label={t('flag.identityCorrected')} title={t('flag.identityCorrected.long')} />}
    </span>
  );
}

interface LineProps {
  row: Row;
  selected: boolean;
  withdrawn: boolean;
  onSelect: (study: string) => void;
  onOpen: (study: string) => void;
}

const Line = memo(function Line({ row, selected, withdrawn, onSelect, onOpen }: LineProps) {
  const { t } = useTexts();
  const line = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (selected) line.current?.scrollIntoView({ block: 'nearest' });
  }, [selected]);
  const years = ageYears(row.birth_date, row.study_date);
  const sex = row.sex === 'M' || row.sex === 'F' || row.sex === 'O' ? t(`sex.${row.sex}`) : '—';
  return (
    <tr ref={line} aria-selected={selected} className={`${selected ? 'selected' : ''} ${withdrawn ? 'withdrawn' : ''}`} onMouseDown={(event) => event.detail > 1 && event.preventDefault()} onClick={() => onSelect(row.study)} onDoubleClick={() => !withdrawn && onOpen(row.study)} data-study={row.study}>
      <td><QcChip state={row.qc} /></td>
      <td><AiChip state={row.ai} /></td>
      <td><Finding row={row} /></td>
      <td className="ellipsis" title={row.patient_name}>
        {withdrawn ? <b>{row.patient_name}</b> : <Link to={`/study/${encodeURIComponent(row.study)}`} className="name">{row.patient_name === '' ? t('value.noName') : row.patient_name}</Link>}
      </td>
      <td className="num ellipsis">{row.patient_id}</td>
      <td>{sex}{years === null ? '' : ` ${years}`}</td>
      <td>{row.modality}</td>
      <td className="num">{date(row.study_date)} {time(row.study_time)}</td>
      <td className="ellipsis" title={row.description}>{row.description}</td>
      <td className="ellipsis" title={`${row.institution} · ${row.source_ae} · ${row.manufacturer} ${row.model} · ${t('column.receivedAt')} ${instant(row.received_at)}`}>{row.institution === '' ? row.source_ae : row.institution}</td>
      <td className="num right" title={t('value.seriesImages', { series: row.series_count, images: row.instance_count })}>{row.instance_count}</td>
      <td><DeliveryChip state={row.delivery} /></td>
      <td><Flags row={row} withdrawn={withdrawn} /></td>
    </tr>
  );
});

interface Props {
  rows: readonly Row[];
  selected: string | null;
  withdrawn: readonly string[];
  /** Rows are from before; a new read runs or failed. */
  stale: boolean;
  onSelect: (study: string) => void;
  onOpen: (study: string) => void;
}

export function RowTable({ rows, selected, withdrawn, stale, onSelect, onOpen }: Props) {
  const { t } = useTexts();
  return (
    <table className={stale ? 'grid stale' : 'grid'} aria-label={t('nav.worklist')} aria-busy={stale}>
      <thead>
        <tr>
          {COLUMNS.map(([label, width], index) => (
            <th key={index} scope="col" className={width}>
              {t(label)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Line key={row.study} row={row} selected={row.study === selected} withdrawn={withdrawn.includes(row.study)} onSelect={onSelect} onOpen={onOpen} />
        ))}
      </tbody>
    </table>
  );
}
