/** How dates, sizes and numbers are written. ISO dates on screen; nothing is guessed. Pure. */

/** `20261122` or `2026-11-22` → `2026-11-22`; anything else is shown as it came. */
export function date(text: string): string {
  return /^\d{8}$/.test(text) ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : text;
}

/** DICOM TM `101530.25` or `10:15:30` → `10:15`. */
export function time(text: string): string {
  const found = /^(\d{2}):?(\d{2})/.exec(text);
  return found === null ? text : `${found[1]}:${found[2]}`;
}

const two = (value: number) => String(value).padStart(2, '0');

/** An instant in the clock of this PC. */
export function instant(iso: string | null): string {
  if (iso === null) return '—';
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Whole years between birth and examination; null when either is unknown. */
export function ageYears(birth: string, on: string): number | null {
  const [b, o] = [date(birth), date(on)];
  if (!/^\d{4}-\d{2}-\d{2}$/.test(b) || !/^\d{4}-\d{2}-\d{2}$/.test(o)) return null;
  const years = Number(o.slice(0, 4)) - Number(b.slice(0, 4)) - (o.slice(5) < b.slice(5) ? 1 : 0);
  return years >= 0 && years < 150 ? years : null;
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}

export function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '—' : value.toFixed(digits);
}

export function age(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d`;
}
