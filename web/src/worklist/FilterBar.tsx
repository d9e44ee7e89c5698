import { Button, DatePicker, Input, Select } from 'antd';
import dayjs from 'dayjs';
import { useEffect, useRef, useState, type RefObject } from 'react';
import type { AiState, QcState } from '../api/types';
import { useTexts } from '../i18n';
import { searchOf, type FilterName, type Filters } from './filters';

const QC: QcState[] = ['pass', 'warn', 'reject', 'failed', 'pending', 'none'];
const AI: AiState[] = ['ok', 'running', 'waiting', 'failed', 'refused', 'not_applicable'];
const MODALITIES = ['CT', 'DX', 'CR', 'PT'];
const SEXES = ['M', 'F', 'O'] as const;
const TYPING_PAUSE_MS = 250;

interface Props {
  filters: Filters;
  searchBox: RefObject<HTMLElement | null>;
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

export function FilterBar({ filters, searchBox, onChange }: Props) {
  const { t } = useTexts();
  const latest = useRef(filters);
  useEffect(() => {
    latest.current = filters;
  });
  const set = (change: Filters) => onChange({ ...latest.current, ...change });
  const choice = (name: FilterName, label: string, options: { value: string; label: string }[], width: number) => (
    <Select
      allowClear
      value={filters[name] ?? null}
      placeholder={label}
      aria-label={label}
      options={options}
      style={{ width }}
      popupMatchSelectWidth={false}
      data-testid={`filter-${name}`}
      onChange={(value: string | null | undefined) => set({ [name]: value ?? undefined })}
    />
  );
  return (
    <section className="filters" aria-label={t('filter.label')} ref={searchBox}>
      <TypedFilter name="search" value={filters.q ?? ''} onApply={(q) => set({ q })} placeholder={t('filter.q')} hint={t('filter.q.long')} width={210} />
      {choice('modality', t('column.modality'), MODALITIES.map((value) => ({ value, label: value })), 104)}
      {choice('qc', t('column.qc'), QC.map((value) => ({ value, label: t(`qc.${value}`) })), 104)}
      {choice('ai', t('column.ai'), AI.map((value) => ({ value, label: t(`ai.${value}`) })), 116)}
      {choice('sex', t('column.sex'), SEXES.map((value) => ({ value, label: t(`sex.${value}`) })), 84)}
      <DatePicker.RangePicker
        value={filters.from === undefined && filters.to === undefined ? null : [filters.from === undefined ? null : dayjs(filters.from), filters.to === undefined ? null : dayjs(filters.to)]}
        allowEmpty={[true, true]}
        placeholder={[t('filter.from'), t('filter.to')]}
        style={{ width: 244 }}
        onChange={(range) => set({ from: range?.[0]?.format('YYYY-MM-DD'), to: range?.[1]?.format('YYYY-MM-DD') })}
      />
      <TypedFilter name="source" value={filters.source ?? ''} onApply={(source) => set({ source })} placeholder={t('filter.source')} hint={t('filter.source.long')} width={130} />
      {searchOf(filters) !== '' && (
        <Button type="text" onClick={() => onChange({})} data-testid="clear">
          {t('filter.clear')}
        </Button>
      )}
    </section>
  );
}
