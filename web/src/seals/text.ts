/** Binary in JSON: lower-case hex for keys, hashes and signatures, base64url for the rest. */
export type Bytes = Uint8Array<ArrayBuffer>;

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

/** Throws a TypeError for bytes that are not UTF-8. */
export const fromUtf8 = (data: Uint8Array): string => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);

export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) {
    whole.set(one, at);
    at += one.length;
  }
  return whole;
}

export const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at]);

export const toHex = (data: Uint8Array): string => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A key id as two people read it to each other: eight groups of four. Every page shows it so, in both faces. */
export const spoken = (key: string): string => (key.slice(0, 32).match(/.{4}/g) ?? []).join(' ');

/** Throws if the text is not lower-case hex of so many bytes. */
export function fromHex(text: unknown, length: number): Bytes {
  if (typeof text !== 'string' || text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) throw new TypeError('not lower-case hex of that length');
  const data = new Uint8Array(length);
  for (let at = 0; at < length; at++) data[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return data;
}

export function toBase64url(data: Uint8Array): string {
  let text = '';
  for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Throws if the text is not the shortest base64url without padding. */
export function fromBase64url(text: unknown): Bytes {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new TypeError('not base64url');
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const data = new Uint8Array(plain.length);
  for (let at = 0; at < plain.length; at++) data[at] = plain.charCodeAt(at);
  if (toBase64url(data) !== text) throw new TypeError('not the shortest base64url');
  return data;
}

export const sha256 = async (data: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest('SHA-256', data));

export const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length));
