/** The consultation key: opened from a wrap, kept in the worker; twin of core/seals/consult_key.py. */
import { canonical, isObject } from './canonical';
import { unseal } from './hpke';
import { SealRefused } from './refusal';
import { fromBase64url, sha256, toHex, type Bytes } from './text';
import type { Statement } from './statements';

export const WRAPS_DOMAIN = 'xinglin wraps v1';

export interface WrapPlace {
  consult: string;
  epoch: number;
  recipient: string;
}

export async function wrapInfo(publicKey: Bytes, place: WrapPlace): Promise<Bytes> {
  const fingerprint = toHex(await sha256(publicKey));
  return canonical({ consult: place.consult, epoch: place.epoch, fingerprint, kind: 'consult key v1', recipient: place.recipient });
}

/** Returns the 32 bytes; the caller imports them at once and wipes them. */
export async function unwrap(sealed: Bytes, pair: CryptoKeyPair, publicKey: Bytes, place: WrapPlace): Promise<Bytes> {
  const key = await unseal(sealed, pair, await wrapInfo(publicKey, place));
  if (key.length !== 32) throw new SealRefused('WrapBroken');
  return key;
}

export interface WrapSet {
  consult: string;
  epoch: number;
  removed: string[];
  wraps: { recipient: string; fingerprint: string; sealed: Bytes }[];
}

/** Reads what a verified wrap set says. */
export function readWraps(statement: Statement): WrapSet {
  const malformed = () => new SealRefused('StatementMalformed', { fault: 'wraps' });
  const { consult, epoch, removed, wraps } = statement.body;
  if (statement.domain !== WRAPS_DOMAIN || !('node' in statement.signer)) throw malformed();
  if (typeof consult !== 'string' || typeof epoch !== 'number' || !Number.isInteger(epoch) || epoch < 1) throw malformed();
  if (!Array.isArray(removed) || !Array.isArray(wraps)) throw malformed();
  try {
    return {
      consult,
      epoch,
      removed: removed.map(String),
      wraps: wraps.map((one) => {
        if (!isObject(one)) throw malformed();
        const { recipient, fingerprint } = one;
        if (typeof recipient !== 'string' || typeof fingerprint !== 'string') throw malformed();
        return { recipient, fingerprint, sealed: fromBase64url(one.sealed) };
      }),
    };
  } catch {
    throw malformed();
  }
}
