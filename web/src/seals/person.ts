/** A person's keys: made in the browser, wrapped by a passphrase for a second computer and sealed to the recovery key
 * of the person's hospital; twin of core/seals/person.py. Runs in the worker only.
 */
import { argon2id } from '@noble/hashes/argon2.js';
import { canonical, isObject, parseCanonical, type Json } from './canonical';
import { personKeyId } from './directory';
import { seal } from './hpke';
import { SealRefused } from './refusal';
import { fromBase64url, fromHex, random, sha256, toBase64url, toHex, utf8, type Bytes } from './text';

export const LEAST_PASSPHRASE = 12;
const MEMORY_KIB = 64 * 1024;
const LEAST_KIB = 19 * 1024; // OWASP's lowest; only where the device refuses more
const MOST_KIB = 1024 * 1024; // a hostile hub must not make the page swallow the machine
const ECDH = { name: 'ECDH', namedCurve: 'P-256' };
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' };

/** What the worker works with: private halves that WebCrypto does not give out again. */
export interface PersonKeys {
  person: string;
  key: string;
  agree: CryptoKeyPair;
  sign: CryptoKey;
  agreePublic: Bytes;
}

/** What goes to the hub: two public keys, two blobs that it cannot open. */
export interface NewKeys {
  id: string;
  agree_public: string;
  sign_public: string;
  wrapped: string;
  recovery: string;
}

export interface Owner {
  person: string;
  hospital: string;
}

interface Kdf {
  memory_kib: number;
  passes: number;
  lanes: number;
  salt: Bytes;
}

const broken = () => new SealRefused('PersonKeysBroken');

function stretch(passphrase: string, kdf: Kdf): Bytes {
  const { memory_kib: m, passes: t, lanes: p, salt } = kdf;
  return new Uint8Array(argon2id(utf8(passphrase.normalize('NFKC')), salt, { m, t, p, dkLen: 32 }));
}

/** RFC 9106's second choice (3 passes, 4 lanes, 64 MiB); with half the memory twice the passes, where there is no more. */
function stretchNew(passphrase: string): { material: Bytes; kdf: Kdf } {
  for (let memory_kib = MEMORY_KIB, passes = 3; ; memory_kib = Math.max(LEAST_KIB, memory_kib >> 1), passes *= 2) {
    const kdf = { memory_kib, passes, lanes: 4, salt: random(16) };
    try {
      return { material: stretch(passphrase, kdf), kdf };
    } catch (fault) {
      if (!(fault instanceof RangeError) || memory_kib <= LEAST_KIB) throw fault;
    }
  }
}

async function wrap(secrets: Bytes, owner: { person: string; key: string }, passphrase: string): Promise<string> {
  if (Array.from(passphrase.normalize('NFKC')).length < LEAST_PASSPHRASE) throw new SealRefused('PassphraseWeak', { least: LEAST_PASSPHRASE });
  const { material, kdf } = stretchNew(passphrase);
  const cipher = await crypto.subtle.importKey('raw', material, 'AES-GCM', false, ['encrypt']);
  material.fill(0);
  const iv = random(12);
  const { memory_kib, passes, lanes, salt } = kdf;
  const box: Json = {
    kdf: { lanes, memory_kib, name: 'argon2id', passes, salt: toHex(salt) },
    key: owner.key,
    kind: 'person keys v1',
    nonce: toHex(iv),
    person: owner.person,
    suite: 1,
  };
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: canonical(box) }, cipher, secrets);
  return toBase64url(canonical({ box, sealed: toBase64url(new Uint8Array(sealed)) }));
}

function readKdf(value: unknown): Kdf {
  if (!isObject(value) || value.name !== 'argon2id') throw new SealRefused('SuiteUnknown', { suite: 0, what: 'kdf' });
  const { memory_kib, passes, lanes, salt } = value;
  const within = (n: unknown, least: number, most: number): n is number => typeof n === 'number' && Number.isInteger(n) && n >= least && n <= most;
  if (!within(memory_kib, LEAST_KIB, MOST_KIB) || !within(passes, 1, 64) || !within(lanes, 1, 16)) throw broken();
  return { memory_kib, passes, lanes, salt: fromHex(salt, 16) };
}

/** Opens the wrapped form and returns the private halves' PKCS#8, canonical JSON; the caller wipes it. */
async function unwrap(wrapped: string, passphrase: string): Promise<{ secrets: Bytes; person: string; key: string }> {
  try {
    const { box, sealed } = parseCanonical(fromBase64url(wrapped));
    if (!isObject(box) || box.kind !== 'person keys v1') throw broken();
    if (box.suite !== 1) throw new SealRefused('SuiteUnknown', { suite: typeof box.suite === 'number' ? box.suite : 0, what: 'person' });
    const { person, key } = box;
    if (typeof person !== 'string' || typeof key !== 'string') throw broken();
    const material = stretch(passphrase, readKdf(box.kdf));
    const cipher = await crypto.subtle.importKey('raw', material, 'AES-GCM', false, ['decrypt']);
    material.fill(0);
    const algorithm = { name: 'AES-GCM', iv: fromHex(box.nonce, 12), additionalData: canonical(box) };
    const secrets = new Uint8Array(await crypto.subtle.decrypt(algorithm, cipher, fromBase64url(sealed)));
    return { secrets, person, key };
  } catch (fault) {
    throw fault instanceof SealRefused ? fault : broken();
  }
}

async function publicOf(privateKey: CryptoKey): Promise<Bytes> {
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', privateKey);
  const raw = new Uint8Array(65);
  raw[0] = 4;
  raw.set(fromBase64url(x), 1);
  raw.set(fromBase64url(y), 33);
  return raw;
}

/** Imports PKCS#8 twice: once to learn the public halves and compare the key id, once for good and not extractable. */
async function keysOf(secrets: Bytes, person: string, key: string): Promise<PersonKeys> {
  const { agree, sign } = parseCanonical(secrets);
  const agreeDer = fromBase64url(agree);
  const signDer = fromBase64url(sign);
  const agreePublic = await publicOf(await crypto.subtle.importKey('pkcs8', agreeDer, ECDH, true, ['deriveBits']));
  const signPublic = await publicOf(await crypto.subtle.importKey('pkcs8', signDer, ECDSA, true, ['sign']));
  if ((await personKeyId(agreePublic, signPublic)) !== key) throw broken();
  const held = {
    person,
    key,
    agree: {
      privateKey: await crypto.subtle.importKey('pkcs8', agreeDer, ECDH, false, ['deriveBits']),
      publicKey: await crypto.subtle.importKey('raw', agreePublic, ECDH, true, []),
    },
    sign: await crypto.subtle.importKey('pkcs8', signDer, ECDSA, false, ['sign']),
    agreePublic,
  };
  agreeDer.fill(0);
  signDer.fill(0);
  return held;
}

const pkcs8 = async (key: CryptoKey): Promise<Bytes> => new Uint8Array(await crypto.subtle.exportKey('pkcs8', key));

async function sealForRecovery(secrets: Bytes, owner: Owner, key: string, recoveryPublic: Bytes): Promise<string> {
  const fingerprint = toHex(await sha256(recoveryPublic));
  const box: Json = { fingerprint, hospital: owner.hospital, key, kind: 'person recovery v1', person: owner.person };
  return toBase64url(canonical({ box, sealed: toBase64url(await seal(secrets, recoveryPublic, canonical(box))) }));
}

/** Makes a person's pairs. The private halves exist outside WebCrypto only in here, only until both blobs are made. */
export async function create(owner: Owner, passphrase: string, recoveryPublic: Bytes): Promise<{ made: NewKeys; held: PersonKeys }> {
  const agree = await crypto.subtle.generateKey(ECDH, true, ['deriveBits']);
  const sign = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const agreePublic = new Uint8Array(await crypto.subtle.exportKey('raw', agree.publicKey));
  const signPublic = new Uint8Array(await crypto.subtle.exportKey('raw', sign.publicKey));
  const id = await personKeyId(agreePublic, signPublic);
  const secrets = canonical({ agree: toBase64url(await pkcs8(agree.privateKey)), sign: toBase64url(await pkcs8(sign.privateKey)) });
  try {
    const wrapped = await wrap(secrets, { person: owner.person, key: id }, passphrase);
    const recovery = await sealForRecovery(secrets, owner, id, recoveryPublic);
    const held = await keysOf(secrets, owner.person, id);
    return { made: { id, agree_public: toHex(agreePublic), sign_public: toHex(signPublic), wrapped, recovery }, held };
  } finally {
    secrets.fill(0);
  }
}

export async function unlock(wrapped: string, passphrase: string): Promise<PersonKeys> {
  const { secrets, person, key } = await unwrap(wrapped, passphrase);
  try {
    return await keysOf(secrets, person, key);
  } catch {
    throw broken();
  } finally {
    secrets.fill(0);
  }
}

/** Wraps the same private halves under another passphrase. */
export async function rewrap(wrapped: string, old: string, fresh: string): Promise<string> {
  const { secrets, person, key } = await unwrap(wrapped, old);
  try {
    return await wrap(secrets, { person, key }, fresh);
  } finally {
    secrets.fill(0);
  }
}
