/** Quality per device and operator: counts with denominators; every number is a list. */
import { Button, DatePicker, Select } from 'antd';
import dayjs from 'dayjs';
import type { ReactNode } from 'react';
import { navigate, usePlace } from '../app/router';
import { useSession } from '../app/session';
import { useTexts, type Key } from '../i18n';
import { Link } from '../ui/Link';
import { Failure, Loading } from '../ui/states';
import { useRead } from '../ui/useRead';
import type { Filters } from '../worklist/filters';
import { countsOf, countsQuery, listOf, NOT_STATED, percent, type CountFilters } from './counts';
import type { CountLine, Counts, Rate } from './types';
import './quality.css';

const DAYS = ['1', '7', '30', '90'] as const;
const MODALITIES = ['DR', 'CT', 'PT'] as const;
const ASKED = 'requested,acknowledged,done,refused,withdrawn';
/** Column → what its number counts, as the list's filters say it. */
const COLUMNS: { name: 'studies' | 'judged' | 'pass' | 'warn' | 'reject' | 'failed' | 'asked' | 'done' | 'refused'; label: Key; counted: Filters }[] = [
  { name: 'studies', label: 'quality.studies', counted: {} },
  { name: 'judged', label: 'quality.judged', counted: { qc: 'pass,warn,reject' } },
  { name: 'pass', label: 'qc.pass', counted: { qc: 'pass' } },
  { name: 'warn', label: 'qc.warn', counted: { qc: 'warn' } },
  { name: 'reject', label: 'qc.reject', counted: { qc: 'reject' } },
  { name: 'failed', label: 'qc.failed', counted: { qc: 'failed' } },
  { name: 'asked', label: 'quality.asked', counted: { repeat: ASKED } },
  { name: 'done', label: 'quality.done', counted: { repeat: 'done' } },
  { name: 'refused', label: 'quality.refused', counted: { repeat: 'refused' } },
];

function Share({ rate, small }: { rate: Rate | null; small: boolean }) {
  const { t } = useTexts();
  if (rate === null) return <>—</>;
  return (
    <span title={t('quality.interval', { low: percent(rate.low), high: percent(rate.high), part: rate.part, whole: rate.whole })}>
      {percent(rate.share)}
      <br />
      <small className="muted">
        {rate.part}/{rate.whole}
        {small ? ` · ${t('quality.small')}` : ''}
      </small>
    </span>
  );
}

function LineRow({ line, filters, advice, name }: { line: CountLine; filters: CountFilters; advice: Counts['advice']; name: ReactNode }) {
  const { language } = useTexts();
  const { may } = useSession();
  const lists = may('worklist.read');
  const number = (count: number, counted: Filters) => (lists && count > 0 ? <Link to={listOf(filters, line, counted)}>{count}</Link> : count);
  const words = (code: string) => (language === 'zh' ? advice[code]?.zh : advice[code]?.en) ?? code;
  return (
    <tr data-line={Object.values(line.group).join(' ')}>
      <th scope="row">{name}</th>
      {COLUMNS.map((column) => (
        <td key={column.name} className="right num" data-count={column.name}>
          {number(line[column.name], column.counted)}
        </td>
      ))}
      <td className="right num">
        <Share rate={line.reject_rate} small={line.small} />
      </td>
      <td className="right num">
        <Share rate={line.asked_rate} small={line.small} />
      </td>
      <td className="quality-reasons">
        {line.reasons.map((one) => (
          <span key={one.code} title={words(one.code)}>
            {one.code} {number(one.count, { reason: one.code })}{' '}
          </span>
        ))}
      </td>
    </tr>
  );
}

function Controls({ filters, staff }: { filters: CountFilters; staff: boolean }) {
  const { t } = useTexts();
  const go = (change: Partial<CountFilters>) => navigate(`/quality?${countsQuery({ ...filters, ...change })}`, true);
  return (
    <div className="quality-controls">
      <Select aria-label={t('quality.by')} value={filters.by} style={{ width: 130 }} options={(staff ? (['device', 'operator'] as const) : (['device'] as const)).map((value) => ({ value, label: t(`quality.by.${value}`) }))} onChange={(by: Counts['by']) => go({ by })} data-testid="quality-by" />
      <Select allowClear aria-label={t('filter.device')} placeholder={t('filter.device')} value={filters.modality ?? null} style={{ width: 110 }} options={MODALITIES.map((value) => ({ value, label: value === 'PT' ? 'PET-CT' : value }))} onChange={(modality: string | null | undefined) => go({ modality: modality ?? undefined })} />
      <Select aria-label={t('filter.days')} placeholder={t('filter.days')} value={filters.days ?? null} style={{ width: 120 }} options={DAYS.map((value) => ({ value, label: t(`filter.days.${value}`) }))} onChange={(days: string) => go({ days, from: undefined, to: undefined })} />
      <DatePicker.RangePicker
        value={filters.from === undefined && filters.to === undefined ? null : [filters.from === undefined ? null : dayjs(filters.from), filters.to === undefined ? null : dayjs(filters.to)]}
        allowEmpty={[true, true]}
        placeholder={[t('filter.from'), t('filter.to')]}
        style={{ width: 236 }}
        onChange={(range) => go({ days: undefined, from: range?.[0]?.format('YYYY-MM-DD'), to: range?.[1]?.format('YYYY-MM-DD') })}
      />
      <span className="grow" />
      <Button href={`/api/quality/export?${countsQuery(filters)}`} download data-testid="quality-export">
        {t('quality.export')}
      </Button>
    </div>
  );
}

function Name({ line, by }: { line: CountLine; by: Counts['by'] }) {
  const { t } = useTexts();
  const told = (name: string) => (line.group[name] === undefined || line.group[name] === '' ? NOT_STATED : line.group[name]);
  if (by === 'operator') return <>{line.group['operator'] === '' ? t('quality.notStated') : line.group['operator']}</>;
  return (
    <>
      {told('manufacturer')} {told('model')}
      <br />
      <small className="muted">
        {told('station')} · {told('ae')}
      </small>
    </>
  );
}

export default function QualityPage() {
  const { t } = useTexts();
  const { may } = useSession();
  const filters = countsOf(usePlace().search);
  const read = useRead<Counts>(`/api/quality?${countsQuery(filters)}`);
  const { data } = read;
  return (
    <div className="page list-page quality-page">
      <div className="page-head">
        <h1>{t('quality.title')}</h1>
      </div>
      <Controls filters={filters} staff={may('quality.staff')} />
      {data === null && (read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />)}
      {data !== null && (
        <div className="sheet quality-sheet">
          <table className="grid roomy" data-testid="quality-table">
            <thead>
              <tr>
                <th>{t(`quality.by.${data.by}`)}</th>
                {COLUMNS.map((column) => (
                  <th key={column.name} className="right">
                    {t(column.label)}
                  </th>
                ))}
                <th className="right">{t('quality.rejectRate')}</th>
                <th className="right">{t('quality.askedRate')}</th>
                <th>{t('quality.reasons')}</th>
              </tr>
            </thead>
            <tbody>
              {data.rows.map((line) => (
                <LineRow key={Object.values(line.group).join('\n')} line={line} filters={filters} advice={data.advice} name={<Name line={line} by={data.by} />} />
              ))}
              {data.rows.length > 1 && <LineRow line={data.total} filters={filters} advice={data.advice} name={t('quality.total')} />}
            </tbody>
          </table>
          {data.rows.length === 0 && <p className="muted">{t('quality.nothing')}</p>}
          <p className="muted">{t('quality.means')}</p>
        </div>
      )}
    </div>
  );
}
