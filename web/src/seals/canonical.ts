/** Canonical JSON (RFC 8785). `canonicalize` 4: the fifth needs a Chromium newer than 109. */
import serialize from 'canonicalize';
import { fromUtf8, utf8, type Bytes } from './text';

export type Json = { [name: string]: JsonValue };
export type JsonValue = string | number | boolean | null | JsonValue[] | Json;

/** Deep enough for every form of ours, shallow enough for every stack. */
const DEEPEST = 64;

/** Whole numbers beyond 2^53 - 1 written in digits (not as 1e+21) are refused, as the other side refuses them. */
function check(value: JsonValue, depth: number): void {
  if (depth > DEEPEST) throw new TypeError('nested too deeply');
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21) throw new TypeError('number too large');
  if (Array.isArray(value)) for (const one of value) check(one, depth + 1);
  else if (value !== null && typeof value === 'object') for (const one of Object.values(value)) check(one, depth + 1);
}

export function canonicalText(value: Json): string {
  check(value, 0);
  return serialize(value) ?? '';
}

export const canonical = (value: Json): Bytes => utf8(canonicalText(value));

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns the object of bytes that are its canonical form; throws for any other spelling. */
export function parseCanonical(data: Uint8Array): Json {
  const text = fromUtf8(data);
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || canonicalText(value) !== text) throw new TypeError('not canonical');
  return value;
}
