/** States of a consultation as glyph + word + colour. */
import { useEffect, useState } from 'react';
import { useTexts } from '../i18n';
import { PlainChip } from '../ui/chips';
import { countdown, span } from './clock';
import { DISCIPLINES, LEVELS, type Place, type Urgency } from './types';

type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'quiet';

const PLACE: Record<Place, [string, Tone]> = {
  draft: ['✎', 'quiet'],
  requested: ['○', 'busy'],
  accepted: ['◐', 'busy'],
  'in-progress': ['◐', 'busy'],
  'awaiting-information': ['?', 'warn'],
  completed: ['✓', 'good'],
  rejected: ['⊘', 'bad'],
  failed: ['✕', 'bad'],
  cancelled: ['–', 'quiet'],
};
const URGENCY: Record<Urgency, [string, Tone]> = { emergency: ['‼', 'bad'], urgent: ['!', 'warn'], routine: ['·', 'quiet'] };

export function placeOf(state: string, businessState: string): Place {
  return businessState === 'awaiting-information' ? 'awaiting-information' : (state as Place);
}

export function PlaceChip({ place }: { place: Place }) {
  const { t } = useTexts();
  return <PlainChip glyph={PLACE[place][0]} tone={PLACE[place][1]} label={t(`place.${place}`)} />;
}

export function UrgencyChip({ urgency }: { urgency: Urgency }) {
  const { t } = useTexts();
  return <PlainChip glyph={URGENCY[urgency][0]} tone={URGENCY[urgency][1]} label={t(`urgency.${urgency}`)} />;
}

/** The time, once in ten seconds: enough for deadlines in minutes. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 10_000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

export function useSpan(): (seconds: number) => string {
  const { t } = useTexts();
  return (seconds) => {
    const { unit, whole, rest } = span(seconds);
    if (unit === 'hours') return t('span.hours', { h: whole, m: rest });
    if (unit === 'days') return t('span.days', { d: whole, h: rest });
    return t(unit === 'seconds' ? 'span.seconds' : 'span.minutes', { n: whole });
  };
}

export function Deadline({ at, now, closed }: { at: string | null; now: number; closed: boolean }) {
  const { t } = useTexts();
  const said = useSpan();
  const { haste, seconds } = countdown(at, now);
  if (haste === 'none' || closed) return <span className="muted">—</span>;
  const glyph = { ample: '', soon: '! ', late: '▲ ' }[haste];
  return (
    <span className={`deadline deadline-${haste}`}>
      {glyph}
      {t(haste === 'late' ? 'deadline.late' : 'deadline.left', { span: said(seconds) })}
    </span>
  );
}

/** A person's title: ours by its word, a foreign one as it was written. */
export function useTitle(): (title: string) => string {
  const { t } = useTexts();
  return (title) => {
    const level = LEVELS.find((one) => one === title);
    return level === undefined || level === '' ? title : t(`level.${level}`);
  };
}

export function Title({ title }: { title: string }) {
  const said = useTitle();
  return title === '' ? null : <span className="muted">{said(title)}</span>;
}

/** A department: ours by its word, a foreign one as it was written. */
export function useDepartment(): (department: string) => string {
  const { t } = useTexts();
  return (department) => {
    const known = DISCIPLINES.find((one) => one === department);
    return known === undefined ? department : t(`discipline.${known}`);
  };
}
