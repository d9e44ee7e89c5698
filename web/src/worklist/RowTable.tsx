import { memo, useEffect, useRef } from 'react';
import type { ReportState, Row } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { AiChip, DeliveryChip, PlainChip, QcChip } from '../ui/chips';
import { ageYears, date, instant, time } from '../ui/format';
import { Link } from '../ui/Link';
import { nextSort, sortedBy, type SortBy } from './filters';
import { Thumbnail } from './Thumbnail';

/** Heads, each with what it may sort by. */
const COLUMNS: { width: string; heads: [Key, SortBy | null][] }[] = [
  { width: 'c-thumb', heads: [['column.picture', null]] },
  { width: 'c-state', heads: [['column.qc', 'qc'], ['column.aiShort', 'ai']] },
  { width: 'c-finding', heads: [['column.finding', 'finding']] },
  { width: 'c-name', heads: [['column.patient', 'name'], ['column.number', 'patient']] },
  { width: 'c-sex', heads: [['column.sexAge', null]] },
  { width: 'c-date', heads: [['column.studyDate', 'date']] },
  { width: 'c-device', heads: [['column.device', 'device']] },
  { width: 'c-desc', heads: [['column.description', null]] },
  { width: 'c-source', heads: [['column.source', 'source']] },
  { width: 'c-report', heads: [['column.report', 'report'], ['column.delivery', null]] },
  { width: 'c-flags', heads: [['column.flags', null]] },
  { width: 'c-details', heads: [['column.action', null]] },
];
const MARK = { ascending: '▲', descending: '▼', none: '' };
const REPORT: Record<ReportState, [string, 'good' | 'warn' | 'busy' | 'quiet']> = {
  none: ['–', 'quiet'],
  drafted: ['✎', 'quiet'],
  preliminary: ['◔', 'busy'],
  signed: ['✓', 'good'],
  addended: ['✓', 'good'],
};

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
  if (row.lesion_count === 0) return <span>{t('finding.none')}</span>;
  return (
    <>
      {row.finding === 'suspected' && <b className="finding positive">▲ {t('finding.suspected')}</b>}
      <span className={row.finding === 'suspected' ? 'second' : 'finding'}>{t('finding.lesions', { n: row.lesion_count })}</span>
    </>
  );
}

function Flags({ row, withdrawn }: { row: Row; withdrawn: boolean }) {
  const { t } = useTexts();
  return (
    <span className="flags">
      {withdrawn && <PlainChip tone="bad" glyph="✕" label={t('flag.withdrawn')} />}
      {row.urgent && <PlainChip tone="bad" glyph="!" label={t('flag.urgent')} />}
      {row.completeness === 'receiving' && <PlainChip tone="busy" glyph="↓" label={t('flag.receiving')} />}
      {row.superseded && <PlainChip tone="warn" glyph="↻" label={t('flag.superseded')} title={t('flag.superseded.long')} />}
      {row.overridden && <PlainChip tone="warn" glyph="✎" label={t('flag.overridden')} title={t('flag.overridden.long')} />}
      {row.screening !== '' && <PlainChip tone={row.screening === 'normal' ? 'quiet' : 'warn'} glyph="◉" label={t(`screen.${row.screening}`)} title={t('column.screening')} />}
      {row.repeat !== '' && <PlainChip tone={row.repeat === 'requested' ? 'bad' : row.repeat === 'acknowledged' ? 'warn' : 'quiet'} glyph="↺" label={t(`repeat.state.${row.repeat}`)} title={t('filter.repeat')} />}
      {row.text_repaired && <PlainChip tone="quiet" glyph="文" label={t('flag.textRepaired')} title={t('flag.textRepaired.long')} />}
      {row.identity_corrected && <PlainChip tone="quiet" glyph="⇄" label={t('flag.identityCorrected')} title={t('flag.identityCorrected.long')} />}
    </span>
  );
}

/** CT, DR, PET-CT: what the study is, from all its series. */
function kindOf(row: Row): string {
  return row.modalities.includes('PT') && row.modalities.includes('CT') ? 'PET-CT' : row.modality;
}

/** Two lines of a cell, each cut off where it does not fit; the whole text as its title. */
function Pair({ first, second, numeric }: { first: string; second: string; numeric?: boolean }) {
  return (
    <>
      <span className={numeric === true ? 'first num' : 'first'} title={first}>{first}</span>
      <span className={numeric === true ? 'second num' : 'second'} title={second}>{second}</span>
    </>
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
  const name = row.patient_name === '' ? t('value.noName') : row.patient_name;
  const [glyph, tone] = REPORT[row.report];
  return (
    <tr ref={line} aria-selected={selected} className={`${selected ? 'selected' : ''} ${withdrawn ? 'withdrawn' : ''}`} onMouseDown={(event) => event.detail > 1 && event.preventDefault()} onClick={() => onSelect(row.study)} onDoubleClick={() => !withdrawn && onOpen(row.study)} data-study={row.study}>
      <td className="thumb-cell"><Thumbnail row={row} /></td>
      <td className="stacked"><QcChip state={row.qc} /><AiChip state={row.ai} /></td>
      <td><Finding row={row} /></td>
      <td>
        <span className="first" title={name}>{withdrawn ? <b>{name}</b> : <Link to={`/study/${encodeURIComponent(row.study)}`} className="name">{name}</Link>}</span>
        <span className="second num" title={row.patient_id}>{row.patient_id}</span>
      </td>
      <td>{sex}{years === null ? '' : ` ${years}`}</td>
      <td><Pair first={date(row.study_date)} second={time(row.study_time)} numeric /></td>
      <td title={`${row.manufacturer} ${row.model}`}><Pair first={`${kindOf(row)} ${row.model}`} second={row.manufacturer} /></td>
      <td><Pair first={row.description} second={t('value.seriesImages', { series: row.series_count, images: row.instance_count })} /></td>
      <td title={`${row.institution} · ${row.department} · ${row.source_ae} · ${t('column.receivedAt')} ${instant(row.received_at)}`}>
        <Pair first={row.institution === '' ? row.source_ae : row.institution} second={[row.department, row.source_ae].filter((part) => part !== '').join(' · ')} />
      </td>
      <td className="stacked"><PlainChip tone={tone} glyph={glyph} label={t(`home.report.${row.report}`)} title={t('column.report')} /><DeliveryChip state={row.delivery} /></td>
      <td><Flags row={row} withdrawn={withdrawn} /></td>
      <td>
        {!withdrawn && (
          <button type="button" className="details" onClick={() => onOpen(row.study)} aria-label={t('action.detailsOf', { name })} data-testid="details">
            {t('action.details')}
          </button>
        )}
      </td>
    </tr>
  );
});

interface Props {
  rows: readonly Row[];
  selected: string | null;
  withdrawn: readonly string[];
  /** Rows are from before; a new read runs or failed. */
  stale: boolean;
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
  onSelect: (study: string) => void;
  onOpen: (study: string) => void;
}

function Head({ heads, sort, onSort, width }: { heads: [Key, SortBy | null][]; width: string } & Pick<Props, 'sort' | 'onSort'>) {
  const { t } = useTexts();
  const now = heads.map(([, by]) => (by === null ? 'none' : sortedBy(sort, by))).find((state) => state !== 'none');
  return (
    <th scope="col" className={width} aria-sort={now ?? (heads.some(([, by]) => by !== null) ? 'none' : undefined)}>
      {heads.map(([label, by], index) => (
        <span key={label}>
          {index > 0 && ' / '}
          {by === null ? (
            t(label)
          ) : (
            <button type="button" className="sort" onClick={() => onSort(nextSort(sort, by))} title={t('sort.by', { column: t(label) })} data-testid={`sort-${by}`}>
              {t(label)}
              {MARK[sortedBy(sort, by)]}
            </button>
          )}
        </span>
      ))}
    </th>
  );
}

export function RowTable({ rows, selected, withdrawn, stale, sort, onSort, onSelect, onOpen }: Props) {
  const { t } = useTexts();
  return (
    <table className={stale ? 'grid home stale' : 'grid home'} aria-label={t('nav.worklist')} aria-busy={stale}>
      <thead>
        <tr>
          {COLUMNS.map(({ width, heads }) => (
            <Head key={width} width={width} heads={heads} sort={sort} onSort={onSort} />
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
