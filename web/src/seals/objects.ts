/** Sealed objects: the envelope bound to consultation, epoch, object, kind and position; twin of core/seals/objects.py. */
import { canonical } from './canonical';
import { Reader, seal, type ReadAt } from './envelope';
import { SealRefused } from './refusal';
import { fromBase64url, sha256, toBase64url, toHex, type Bytes } from './text';

export interface Position {
  study?: number;
  series?: number;
  instance?: number;
  /** [first, count] */
  frames?: number[];
}

export interface ObjectContext {
  consult: string;
  epoch: number;
  object: string;
  kind: string;
  position: Position;
}

/** Characters of base64url in an event. */
export const INLINE_LIMIT = 192 * 1024;

export function contextBytes(context: ObjectContext): Bytes {
  const { consult, epoch, object, kind, position } = context;
  return canonical({ consult, epoch, object, kind, position: { ...position } });
}

export const addressOf = async (sealed: Bytes): Promise<string> => toHex(await sha256(sealed));

const from =
  (sealed: Bytes): ReadAt =>
  (start, end) =>
    Promise.resolve(sealed.subarray(start, end));

/** Opens a whole object; with an address (always, when the signed index names one) its bytes must be those. */
export async function openWhole(sealed: Bytes, key: CryptoKey, context: ObjectContext, address: string | null): Promise<Bytes> {
  if (address !== null && (await addressOf(sealed)) !== address) throw new SealRefused('AddressMismatch');
  const reader = await Reader.open(key, from(sealed), sealed.length, contextBytes(context));
  return reader.whole();
}

export async function sealInline(plain: Bytes, key: CryptoKey, context: ObjectContext): Promise<string> {
  const text = toBase64url(await seal(plain, key, contextBytes(context)));
  if (text.length > INLINE_LIMIT) throw new SealRefused('InlineTooLong', { length: text.length, limit: INLINE_LIMIT });
  return text;
}

export async function openInline(text: string, key: CryptoKey, context: ObjectContext): Promise<Bytes> {
  let sealed: Bytes;
  try {
    sealed = fromBase64url(text);
  } catch {
    throw new SealRefused('ObjectDamaged', { fault: 'base64url' });
  }
  return openWhole(sealed, key, context, null);
}
