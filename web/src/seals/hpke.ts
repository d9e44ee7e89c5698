/** HPKE base mode (RFC 9180) with the suite in front: `suite ‖ enc ‖ ciphertext`; twin of core/seals/hpke.py.
 *
 * People have P-256 because Chrome 109 has no other curve in WebCrypto. Sealing to a hospital's X25519 recovery key
 * goes through `@hpke/dhkem-x25519`, which computes in JavaScript: WebCrypto's X25519 begins with Chrome 133.
 */
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { SealRefused } from './refusal';
import { concat, type Bytes } from './text';

export const PEOPLE = 1;
export const NODES = 2;
const P256_ENC = 65;

export const peopleSuite = () => new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
export const nodesSuite = () => new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

/** Seals to a raw public key: 65 bytes are P-256, 32 X25519. */
export async function seal(plain: Bytes, publicKey: Bytes, info: Bytes): Promise<Bytes> {
  const people = publicKey.length === P256_ENC;
  if (!people && publicKey.length !== 32) throw new SealRefused('PublicKeyInvalid', { what: 'length' });
  const suite = people ? peopleSuite() : nodesSuite();
  let recipientPublicKey: CryptoKey;
  try {
    recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
  } catch {
    throw new SealRefused('PublicKeyInvalid', { what: people ? 'P-256' : 'X25519' });
  }
  try {
    const sent = await suite.seal({ recipientPublicKey, info }, plain);
    return concat(new Uint8Array([people ? PEOPLE : NODES]), new Uint8Array(sent.enc), new Uint8Array(sent.ct));
  } catch {
    throw new SealRefused('WrapBroken');
  }
}

/** Opens what was sealed to a person's agreement key; the private half need not be extractable. */
export async function unseal(sealed: Bytes, pair: CryptoKeyPair, info: Bytes): Promise<Bytes> {
  if (sealed[0] !== PEOPLE) throw new SealRefused('SuiteUnknown', { suite: sealed[0] ?? 0, what: 'hpke' });
  try {
    const enc = sealed.slice(1, 1 + P256_ENC);
    const plain = await peopleSuite().open({ recipientKey: pair, enc, info }, sealed.slice(1 + P256_ENC));
    return new Uint8Array(plain);
  } catch {
    throw new SealRefused('WrapBroken');
  }
}
