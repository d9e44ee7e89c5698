import { Button, DatePicker, Input, Select } from 'antd';
import dayjs from 'dayjs';
import { useEffect, useRef, useState, type RefObject } from 'react';
import type { AiState, FindingState, QcState, ReportState, ScreeningDecision } from '../api/types';
import { useTexts } from '../i18n';
import type { RequestState } from '../quality/types';
import type { Facets } from './facets';
import { MORE_FILTERS, type FilterName, type Filters } from './filters';

const QC: QcState[] = ['pass', 'warn', 'reject', 'failed', 'pending', 'none'];
const AI: AiState[] = ['ok', 'running', 'waiting', 'failed', 'refused', 'not_applicable'];
const FINDINGS: FindingState[] = ['suspected', 'lesions', 'clear', 'none'];
const REPORTS: ReportState[] = ['none', 'drafted', 'preliminary', 'signed', 'addended'];
const SCREENED: ScreeningDecision[] = ['normal', 'suspicious', 'repeat'];
/** What the platform is for, as it is called in every language; others are offered where they are there. */
const DEVICES: Record<string, string> = { CT: 'CT', DR: 'DR', PT: 'PET-CT' };
const REPEATS: RequestState[] = ['requested', 'acknowledged', 'done', 'refused', 'withdrawn'];
const SEXES = ['M', 'F', 'O'] as const;
const DAYS = ['1', '3', '7', '30', '90'] as const;
const TYPING_PAUSE_MS = 250;

interface Props {
  filters: Filters;
  facets: Facets;
  more: boolean;
  searchBox: RefObject<HTMLElement | null>;
  onMore: () => void;
  onChange: (next: Filters) => void;
}

/** Text that is applied when typing pauses, and never while an input method composes. */
function TypedFilter({ value, onApply, placeholder, hint, width, name }: { value: string; onApply: (text: string) => void; placeholder: string; hint: string; width: number; name: string }) {
  const [draft, setDraft] = useState(value);
  const composing = useRef(false);
  const timer = useRef<number | undefined>(undefined);
  const sent = useRef(value);
  // Follow the address (back, clear), but never overwrite what is being typed with our own echo.
  useEffect(() => {
    if (value !== sent.current) setDraft(value);
    sent.current = value;
  }, [value]);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const later = (text: string) => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      sent.current = text.trim();
      onApply(text);
    }, TYPING_PAUSE_MS);
  };
  return (
    <Input
      allowClear
      value={draft}
      placeholder={placeholder}
      aria-label={hint}
      title={hint}
      data-testid={name}
      style={{ width }}
      onCompositionStart={() => {
        composing.current = true;
      }}
      onCompositionEnd={(event) => {
        composing.current = false;
        later(event.currentTarget.value);
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') event.currentTarget.blur();
      }}
      onChange={(event) => {
        setDraft(event.target.value);
        if (!composing.current) later(event.target.value);
      }}
    />
  );
}

interface Option {
  value: string;
  label: string;
}

export function FilterBar({ filters, facets, more, searchBox, onMore, onChange }: Props) {
  const { t } = useTexts();
  const latest = useRef(filters);
  useEffect(() => {
    latest.current = filters;
  });
  const set = (change: Filters) => onChange({ ...latest.current, ...change });
  const counted = (name: string, { value, label }: Option): Option => {
    const count = facets[name]?.find((one) => one.value === value)?.count;
    return { value, label: count === undefined ? label : `${label} (${count})` };
  };
  const choice = (name: FilterName, label: string, options: Option[], width: number) => (
    <Select
      allowClear
      value={filters[name] ?? null}
      placeholder={label}
      aria-label={label}
      options={options.map((option) => counted(name, option))}
      labelRender={({ value, label: shown }) => options.find((option) => option.value === value)?.label ?? shown ?? value}
      style={{ width }}
      popupMatchSelectWidth={false}
      data-testid={`filter-${name}`}
      onChange={(value: string | null | undefined) => set({ [name]: value ?? undefined })}
    />
  );
  /** Names that are there, and the one in the address even where it is not. */
  const there = (name: FilterName): Option[] => {
    const names = (facets[name] ?? []).map((one) => one.value);
    const chosen = filters[name];
    return (chosen === undefined || names.includes(chosen) ? names : [chosen, ...names]).map((value) => ({ value, label: value }));
  };
  const others = (facets['modality'] ?? []).map((one) => one.value).filter((one) => !['CT', 'PT', 'DX', 'CR', 'DR'].includes(one));
  const device = (value: string) => ({ value, label: DEVICES[value] ?? value });
  const hidden = MORE_FILTERS.filter((name) => filters[name] !== undefined).length;
  return (
    <section className="filters" aria-label={t('filter.label')} ref={searchBox}>
      <TypedFilter name="search" value={filters.q ?? ''} onApply={(q) => set({ q })} placeholder={t('filter.q')} hint={t('filter.q.long')} width={154} />
      {choice('modality', t('filter.device'), [...Object.keys(DEVICES), ...others].map(device), 104)}
      {choice('finding', t('column.finding'), FINDINGS.map((value) => ({ value, label: t(`home.finding.${value}`) })), 122)}
      {choice('qc', t('column.qc'), QC.map((value) => ({ value, label: t(`qc.${value}`) })), 108)}
      {choice('ai', t('column.ai'), AI.map((value) => ({ value, label: t(`ai.${value}`) })), 104)}
      {choice('report', t('column.report'), REPORTS.map((value) => ({ value, label: t(`home.report.${value}`) })), 112)}
      {choice('sex', t('column.sex'), SEXES.map((value) => ({ value, label: t(`sex.${value}`) })), 80)}
      <DatePicker.RangePicker
        value={filters.from === undefined && filters.to === undefined ? null : [filters.from === undefined ? null : dayjs(filters.from), filters.to === undefined ? null : dayjs(filters.to)]}
        allowEmpty={[true, true]}
        placeholder={[t('filter.from'), t('filter.to')]}
        style={{ width: 236 }}
        onChange={(range) => set({ from: range?.[0]?.format('YYYY-MM-DD'), to: range?.[1]?.format('YYYY-MM-DD') })}
      />
      <Button aria-pressed={filters.sort === 'finding'} className={filters.sort === 'finding' ? 'pressed' : ''} title={t('sort.positiveFirst.long')} onClick={() => set({ sort: filters.sort === 'finding' ? undefined : 'finding' })} data-testid="positive-first">
        ▲ {t('sort.positiveFirst')}
      </Button>
      <Button aria-expanded={more} onClick={onMore} data-testid="more-filters">
        {hidden === 0 ? t('filter.more') : t('filter.moreSet', { n: hidden })} {more ? '▴' : '▾'}
      </Button>
      {more && (
        <div className="filters-more">
          <TypedFilter name="filter-name" value={filters.name ?? ''} onApply={(name) => set({ name })} placeholder={t('column.patient')} hint={t('filter.name.long')} width={130} />
          <TypedFilter name="filter-patient" value={filters.patient ?? ''} onApply={(patient) => set({ patient })} placeholder={t('column.patientId')} hint={t('filter.patient.long')} width={130} />
          {choice('manufacturer', t('column.manufacturer'), there('manufacturer'), 150)}
          {choice('model', t('column.model'), there('model'), 140)}
          {choice('institution', t('column.institution'), there('institution'), 150)}
          {choice('department', t('column.department'), there('department'), 120)}
          {choice('ae', t('filter.ae'), there('ae'), 130)}
          <TypedFilter name="source" value={filters.source ?? ''} onApply={(source) => set({ source })} placeholder={t('filter.source')} hint={t('filter.source.long')} width={110} />
          {choice('days', t('filter.days'), DAYS.map((value) => ({ value, label: t(`filter.days.${value}`) })), 104)}
          {choice('screening', t('column.screening'), SCREENED.map((value) => ({ value, label: t(`screen.${value}`) })), 104)}
          {choice('station', t('room.station'), there('station'), 120)}
          {choice('repeat', t('filter.repeat'), REPEATS.map((value) => ({ value, label: t(`repeat.state.${value}`) })), 120)}
          {filters.reason !== undefined && <TypedFilter name="filter-reason" value={filters.reason} onApply={(reason) => set({ reason })} placeholder={t('filter.reason')} hint={t('filter.reason')} width={170} />}
          {filters.operator !== undefined && <TypedFilter name="filter-operator" value={filters.operator} onApply={(operator) => set({ operator })} placeholder={t('filter.operator')} hint={t('filter.operator')} width={120} />}
        </div>
      )}
    </section>
  );
}
