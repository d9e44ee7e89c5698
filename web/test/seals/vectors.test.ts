/** The vectors that Python's tests run too (tests/unit/seals/test_vectors.py): same answers, same refusals. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { canonical, parseCanonical, type Json } from '../../src/seals/canonical';
import { unwrap } from '../../src/seals/consultKey';
import { Directory } from '../../src/seals/directory';
import { importKey, Reader, seal } from '../../src/seals/envelope';
import { nodesSuite, peopleSuite, seal as hpkeSeal, unseal as hpkeUnseal } from '../../src/seals/hpke';
import { contextBytes, openWhole, type ObjectContext } from '../../src/seals/objects';
import { rewrap, unlock } from '../../src/seals/person';
import { SealRefused } from '../../src/seals/refusal';
import { Room } from '../../src/seals/room';
import { memoryShelf } from '../../src/seals/shelf';
import { openStatement, statementHash } from '../../src/seals/statements';
import { concat, fromBase64url, fromHex, toBase64url, toHex, utf8, type Bytes } from '../../src/seals/text';

type Case = { text: string; sha256: string; sealed: string; refusal: string; what: string };
interface Golden {
  key: string;
  domain: string;
  expert: Record<'person' | 'hospital' | 'key' | 'agree' | 'agree_public' | 'sign' | 'sign_public' | 'passphrase' | 'wrapped' | 'recovery' | 'recovery_private', string>;
  canonical: { value: string; bytes: string }[];
  not_canonical: string[];
  statements: { good: Case[]; bad: Case[] };
  objects: { context: ObjectContext; good: { length: number; sealed: string; address: string }[]; bad: Case[]; other_contexts: ObjectContext[] };
  wraps: {
    good: { sealed: string; place: { consult: string; epoch: number; recipient: string } };
    bad: { sealed: string; place: { consult: string; epoch: number; recipient: string }; refusal: string }[];
    sets: { other_owner: string; good: string; expected: { consult: string; epoch: number; hospital: string }; bad: Case[] };
  };
  directory: {
    witnesses: { text: string; refusal: string }[];
    second_box: { id: string; old: string; new: string };
    hub_public: string;
    entries: string[];
    head: string;
    extend: { what: string; entries: string[]; head: string; refusal: string }[];
    changed: { id: string; old: string; new: string }[];
    attested: Record<string, string>;
    signed_by_retired: string;
    signed_by_revoked: string;
    before: string;
    after: string;
  };
}
interface RfcVector {
  kem_id: number;
  info: string;
  ikmE: string;
  skRm: string;
  pkRm: string;
  enc: string;
  encryptions: { aad: string; ct: string; pt: string }[];
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../../tests/golden/seals/${name}`, import.meta.url), 'utf8'));
const golden = read('seals.json') as Golden;
const rfc = (read('rfc9180.json') as { vectors: RfcVector[] }).vectors;
const bytes = (hex: string): Bytes => fromHex(hex, hex.length / 2);
const key = importKey(bytes(golden.key));
const HERE = golden.objects.context;

function stream(length: number, name: string): Bytes {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, n) => {
    const counter = new Uint8Array(4);
    new DataView(counter.buffer).setUint32(0, n);
    return new Uint8Array(createHash('sha256').update(name).update(counter).digest());
  });
  return concat(...blocks).slice(0, length);
}

/** The name of the refusal that a promise ends in, or what it gave. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (fault) {
    if (fault instanceof SealRefused) return fault.refusal;
    throw fault;
  }
}

async function agreePair(): Promise<CryptoKeyPair> {
  const algorithm = { name: 'ECDH', namedCurve: 'P-256' };
  return {
    privateKey: await crypto.subtle.importKey('pkcs8', fromBase64url(golden.expert.agree), algorithm, false, ['deriveBits']),
    publicKey: await crypto.subtle.importKey('raw', bytes(golden.expert.agree_public), algorithm, true, []),
  };
}

const known = async () => (await Directory.of(bytes(golden.directory.hub_public))).extend(golden.directory.entries, golden.directory.head);

async function room(): Promise<Room> {
  const made = new Room(memoryShelf());
  await made.verifyDirectory(golden.directory.entries, golden.directory.head, golden.directory.hub_public);
  await made.unlock(golden.expert.wrapped, golden.expert.passphrase);
  return made;
}

describe('canonical JSON', () => {
  test('the same bytes', () => {
    for (const { value, bytes: wanted } of golden.canonical) expect(toBase64url(canonical(JSON.parse(value) as Json))).toBe(wanted);
  });
  test.each(golden.not_canonical)('refused: %s', (text) => expect(() => parseCanonical(utf8(text))).toThrow());
});

describe.each(rfc)('RFC 9180, KEM $kem_id', (vector) => {
  const suite = vector.kem_id === 16 ? peopleSuite() : nodesSuite();
  test('the authors’ messages', async () => {
    const recipientPublicKey = await suite.kem.deserializePublicKey(bytes(vector.pkRm));
    const ekm = await suite.kem.deriveKeyPair(bytes(vector.ikmE));
    const sender = await suite.createSenderContext({ recipientPublicKey, info: bytes(vector.info), ekm });
    expect(toHex(new Uint8Array(sender.enc))).toBe(vector.enc);
    const recipientKey = await suite.kem.deserializePrivateKey(bytes(vector.skRm));
    const recipient = await suite.createRecipientContext({ recipientKey, enc: bytes(vector.enc), info: bytes(vector.info) });
    for (const { aad, ct, pt } of vector.encryptions) {
      expect(toHex(new Uint8Array(await sender.seal(bytes(pt), bytes(aad))))).toBe(ct);
      expect(toHex(new Uint8Array(await recipient.open(bytes(ct), bytes(aad))))).toBe(pt);
    }
  });
  test('our form carries it', async () => {
    const sealed = await hpkeSeal(utf8('plain'), bytes(vector.pkRm), utf8('info'));
    expect(sealed[0]).toBe(vector.kem_id === 16 ? 1 : 2);
    const recipientKey = await suite.kem.deserializePrivateKey(bytes(vector.skRm));
    const length = bytes(vector.enc).length;
    const plain = await suite.open({ recipientKey, enc: sealed.slice(1, 1 + length), info: utf8('info') }, sealed.slice(1 + length));
    expect(new TextDecoder().decode(plain)).toBe('plain');
  });
});

test('a point of small order and bytes that are no key are refused', async () => {
  expect(await outcome(hpkeSeal(utf8('x'), new Uint8Array(32), utf8('')))).toBe('WrapBroken');
  expect(await outcome(hpkeSeal(utf8('x'), new Uint8Array(31), utf8('')))).toBe('PublicKeyInvalid');
  expect(await outcome(hpkeSeal(utf8('x'), new Uint8Array(65).fill(4), utf8('')))).toBe('PublicKeyInvalid');
});

describe('statements', () => {
  test('good ones', async () => {
    const book = (await known()).book();
    for (const { text, sha256 } of golden.statements.good) expect(await statementHash(await openStatement(text, book, null))).toBe(sha256);
  });
  test.each(golden.statements.bad)('$refusal', async ({ text, refusal }) => {
    expect(await outcome(openStatement(text, (await known()).book(), golden.domain))).toBe(refusal);
  });
  test('any flipped bit', async () => {
    const book = (await known()).book();
    const { text } = golden.statements.good[2] ?? { text: '' };
    for (let at = 0; at < text.length; at += 3) {
      const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
      expect(await outcome(openStatement(flipped, book, golden.domain))).toMatch(/Malformed|Wrong|Unknown/);
    }
  });
});

describe('objects', () => {
  test.each(golden.objects.good)('$length bytes', async ({ length, sealed, address }) => {
    const data = fromBase64url(sealed);
    const plain = stream(length, 'plain');
    expect(await openWhole(data, await key, HERE, address)).toEqual(plain);
    expect(await outcome(openWhole(data, await key, HERE, '0'.repeat(64)))).toBe('AddressMismatch');
    const reader = await Reader.open(await key, (from, to) => Promise.resolve(data.subarray(from, to)), data.length, contextBytes(HERE));
    expect(reader.length).toBe(length);
    for (const [from, to] of [[0, 1], [0, length], [1000, 1030], [1024, 2048], [length - 1, length + 9], [5, 5], [9, 3]] as const)
      expect(await reader.read(from, to)).toEqual(plain.slice(Math.max(from, 0), Math.max(to, from, 0)));
    for (const other of golden.objects.other_contexts) expect(await outcome(openWhole(data, await key, other, null))).toBe('ObjectDamaged');
  });
  test('any length, any range, any cut', async () => {
    let state = 20261122; // a small generator: the same cases in every run
    const below = (limit: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % limit;
    for (let round = 0; round < 40; round++) {
      const plain = stream(below(6000), `round ${round}`);
      const sealed = await seal(plain, await key, contextBytes(HERE), undefined, 10 + below(3));
      const reader = await Reader.open(await key, (from, to) => Promise.resolve(sealed.subarray(from, to)), sealed.length, contextBytes(HERE));
      const [from, to] = [below(6500), below(6500)];
      expect(await reader.read(from, to)).toEqual(plain.slice(from, Math.max(from, to)));
      expect(await outcome(openWhole(sealed.slice(0, below(sealed.length)), await key, HERE, null))).toBe('ObjectDamaged');
      const flipped = sealed.slice();
      const at = 4 + below(sealed.length - 4);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << below(8));
      expect(await outcome(openWhole(flipped, await key, HERE, null))).toBe('ObjectDamaged');
    }
  });
  test.each(golden.objects.bad)('refused: $what', async ({ sealed, refusal }) => {
    expect(await outcome(openWhole(fromBase64url(sealed), await key, HERE, null))).toBe(refusal);
  });
});

describe('wraps', () => {
  const { good, bad, sets } = golden.wraps;
  const publicKey = bytes(golden.expert.agree_public);
  test('the key', async () => {
    expect(toHex(await unwrap(fromBase64url(good.sealed), await agreePair(), publicKey, good.place))).toBe(golden.key);
  });
  test.each(bad)('$refusal', async ({ sealed, place, refusal }) => {
    expect(await outcome(unwrap(fromBase64url(sealed), await agreePair(), publicKey, place))).toBe(refusal);
  });
  test('a wrap set is the owning hospital’s or none', async () => {
    const mine = await room();
    const handle = await mine.openWrapSet(sets.good, sets.expected);
    const { sealed, address, length } = golden.objects.good[6] ?? { sealed: '', address: '', length: 0 };
    expect(await mine.openObject(handle, HERE, fromBase64url(sealed), address)).toEqual(stream(length, 'plain'));
    for (const { text, refusal } of sets.bad) expect(await outcome(mine.openWrapSet(text, sets.expected))).toBe(refusal);
    expect(await outcome(mine.openWrapSet(sets.good, { ...sets.expected, hospital: golden.expert.hospital }))).toBe('SignerUnknown');
    expect(await outcome(mine.openWrapSet(sets.good, { ...sets.expected, consult: 'c_other' }))).toBe('WrapBroken');
    // The hub presents a later epoch by another hospital's box, to read along: both what the page says and what was seen count.
    const swapped = { ...sets.expected, epoch: 2, hospital: golden.expert.hospital };
    expect(await outcome(mine.openWrapSet(sets.other_owner, { ...swapped, hospital: sets.expected.hospital }))).toBe('SignerUnknown');
    expect(await outcome(mine.openWrapSet(sets.other_owner, swapped))).toBe('OwnerChanged');
  });
});

describe('directory', () => {
  test.each(golden.directory.extend)('$what: $refusal', async ({ entries, head, refusal }) => {
    const found = await outcome((await known()).extend(entries, head));
    if (refusal) expect(found).toBe(refusal);
    else expect(found).toBeInstanceOf(Directory);
  });
  test('witnesses and further boxes', async () => {
    const before = await known();
    for (const { text, refusal } of golden.directory.witnesses) {
      const found = await outcome(before.checkWitness(text));
      if (refusal === 'WitnessConflict') expect(found).toBe(refusal);
      else expect(found).toMatchObject({ ahead: refusal === 'ahead' });
    }
    const second = golden.directory.extend.at(-1) ?? { entries: [], head: '' };
    const after = await before.extend(second.entries, second.head);
    expect(after.changedKeys(6)).toMatchObject([{ kind: 'box', ...golden.directory.second_box }]);
    expect(new Set([...after.people.values()].map((one) => one.attested))).toEqual(new Set([golden.directory.second_box.old, '']));
    // The word of a box that was revoked counts no more, whenever it was given: only the box that stands vouches.
    for (const one of after.people.values()) expect(after.vouched(one)).toBe(false);
    expect(before.withBox().sort()).toEqual([...new Set([...before.people.values()].map((one) => one.hospital).concat(before.withBox()))].sort());
  });
  test('keys that come back from the hospital are taken only if they are the own ones', async () => {
    const mine = await room();
    const { person, key, wrapped, passphrase } = golden.expert;
    expect(await mine.unlockOwn(wrapped, passphrase, { person, key })).toEqual({ person, key });
    expect(await outcome(mine.unlockOwn(wrapped, passphrase, { person: 'p_other', key }))).toBe('PersonKeysBroken');
    expect(await outcome(mine.unlockOwn(wrapped, passphrase, { person, key: '0'.repeat(64) }))).toBe('PersonKeysBroken');
  }, 120_000);
  test('attested keys, changed keys, retired and revoked signers', async () => {
    const before = await known();
    for (const [person, node] of Object.entries(golden.directory.attested)) expect(before.people.get(person)?.attested).toBe(node);
    const grown = golden.directory.extend[0] ?? { entries: [], head: '' };
    const after = await before.extend(grown.entries, grown.head);
    expect(before.size).toBe(6);
    expect(after.changedKeys(6).map(({ id, old, new: fresh }) => ({ id, old, new: fresh }))).toEqual(golden.directory.changed);
    for (const [text, refusal] of [
      [golden.directory.signed_by_retired, 'KeyRetired'],
      [golden.directory.signed_by_revoked, 'SignerRevoked'],
    ] as const) {
      expect((await openStatement(text, after.book(golden.directory.before), null)).body).toEqual({ n: 1 });
      for (const asOf of ['', golden.directory.after]) expect(await outcome(openStatement(text, after.book(asOf), null))).toBe(refusal);
    }
  });
});

describe('a person’s keys', () => {
  test('Python’s wrap opens here; another passphrase does not', async () => {
    const held = await unlock(golden.expert.wrapped, golden.expert.passphrase);
    expect([held.person, held.key]).toEqual([golden.expert.person, golden.expert.key]);
    for (const one of [held.sign, held.agree.privateKey]) {
      expect(one.extractable).toBe(false);
      await expect(crypto.subtle.exportKey('pkcs8', one)).rejects.toThrow();
    }
    expect(await outcome(unlock(golden.expert.wrapped, 'another passphrase'))).toBe('PersonKeysBroken');
    const sealed = await hpkeSeal(utf8('x'), held.agreePublic, utf8('i'));
    expect(await hpkeUnseal(sealed, held.agree, utf8('i'))).toEqual(utf8('x'));
  });
  test('a new passphrase opens the same keys', async () => {
    const fresh = await rewrap(golden.expert.wrapped, golden.expert.passphrase, 'a fresh passphrase');
    expect((await unlock(fresh, 'a fresh passphrase')).key).toBe(golden.expert.key);
    expect(await outcome(rewrap(golden.expert.wrapped, golden.expert.passphrase, 'elevenchars'))).toBe('PassphraseWeak');
  }, 60_000); // Argon2id at full cost, twice
  test('absurd parameters are refused before memory is taken', async () => {
    const outer = JSON.parse(new TextDecoder().decode(fromBase64url(golden.expert.wrapped))) as { box: { kdf: Json } & Json; sealed: string };
    const absurd = canonical({ ...outer, box: { ...outer.box, kdf: { ...outer.box.kdf, memory_kib: 2 ** 31 } } });
    expect(await outcome(unlock(toBase64url(absurd), golden.expert.passphrase))).toBe('PersonKeysBroken');
    const other = canonical({ ...outer, box: { ...outer.box, suite: 9 } });
    expect(await outcome(unlock(toBase64url(other), golden.expert.passphrase))).toBe('SuiteUnknown');
  });
});

describe('the room', () => {
  test('signs, seals and opens; without keys it refuses', async () => {
    const mine = await room();
    const { text, sha256 } = await mine.signStatement({ text: '无空洞' }, golden.domain);
    expect((await mine.verifyStatement(text, golden.domain)).sha256).toBe(sha256);
    expect(await mine.nameOf(text)).toBe(sha256);
    const { sets } = golden.wraps;
    const handle = await mine.openWrapSet(sets.good, sets.expected);
    const context = { ...HERE, kind: 'opinion', position: {} };
    const inline = await mine.sealInline(handle, context, utf8('建议抗结核治疗'));
    expect(await mine.openInline(handle, context, inline)).toEqual(utf8('建议抗结核治疗'));
    expect(await outcome(mine.openInline(handle, { ...context, kind: 'message' }, inline))).toBe('ObjectDamaged');
    expect(await outcome(mine.openInline(handle, { ...context, epoch: 2 }, inline))).toBe('ObjectDamaged');
    expect(await outcome(mine.sealInline(handle, context, new Uint8Array(150_000)))).toBe('InlineTooLong');
    await mine.saveDraft('case', '草稿');
    expect(await mine.loadDraft('case')).toBe('草稿');
    expect(await mine.loadDraft('other')).toBeNull();
    await mine.lock();
    expect(await outcome(mine.openInline(handle, context, inline))).toBe('KeysLocked');
    expect(await outcome(mine.signStatement({}, golden.domain))).toBe('KeysLocked');
    expect(await mine.resume(golden.expert.person, golden.expert.key)).not.toBeNull();
    expect(await mine.loadDraft('case')).toBe('草稿');
    await mine.forget(golden.expert.person);
    expect(await mine.resume(golden.expert.person, golden.expert.key)).toBeNull();
  });
  test('reads ranges only, and a failed read is not remembered', async () => {
    const mine = await room();
    const handle = await mine.openWrapSet(golden.wraps.sets.good, golden.wraps.sets.expected);
    const { sealed, length } = golden.objects.good[6] ?? { sealed: '', length: 0 };
    const data = fromBase64url(sealed);
    const asked: [number, number][] = [];
    let broken = true;
    const readAt = (from: number, to: number) => {
      asked.push([from, to]);
      return broken ? Promise.reject(new Error('line')) : Promise.resolve(data.subarray(from, to));
    };
    const source = { readAt, size: data.length };
    await expect(mine.openObjectRange(handle, HERE, source, 1100, 1200)).rejects.toThrow('line');
    broken = false;
    expect(await mine.openObjectRange(handle, HERE, source, 1100, 1200)).toEqual(stream(length, 'plain').slice(1100, 1200));
    expect(asked).toEqual([[0, 69], [0, 69], [69 + 1040, 69 + 2080]]);
  });
  test('remembers the directory: another hub, a fork and a rewind are refused later too', async () => {
    const shelf = memoryShelf();
    const grown = golden.directory.extend[0] ?? { entries: [], head: '' };
    const view = await new Room(shelf).verifyDirectory(grown.entries, grown.head, golden.directory.hub_public);
    expect(view.changed).toHaveLength(1);
    const later = new Room(shelf);
    // A changed key is shown until somebody here has compared it, however often the page is opened.
    const [change] = (await later.verifyDirectory([], grown.head, golden.directory.hub_public)).changed;
    await later.confirmKey('person', change?.id ?? '', change?.old ?? '');
    expect((await later.verifyDirectory([], grown.head, golden.directory.hub_public)).changed).toHaveLength(1);
    await later.confirmKey('person', change?.id ?? '', change?.new ?? '');
    expect((await new Room(shelf).verifyDirectory([], grown.head, golden.directory.hub_public)).changed).toHaveLength(0);
    expect(await outcome(new Room(shelf).verifyDirectory(golden.directory.entries, golden.directory.head, golden.directory.hub_public))).toBe('DirectoryRewound');
    expect(await outcome(new Room(shelf).verifyDirectory([], grown.head, '00'.repeat(32)))).toBe('HeadUnsigned');
    const swapped = golden.directory.extend.find((one) => one.what === 'key swapped') ?? grown;
    expect(await outcome(new Room(shelf).verifyDirectory(swapped.entries, swapped.head, golden.directory.hub_public))).toMatch(/Forked|Rewound/);
  });
  test('makes keys only for the recovery key that the directory shows', async () => {
    const mine = await room();
    const owner = { person: 'p_new', hospital: golden.expert.hospital };
    expect(await outcome(mine.createKeys(owner, 'a long passphrase', '09'.repeat(32)))).toBe('OwnKeySwapped');
    expect(new SealRefused('PassphraseWeak', { least: 12 }).said.message_en).toContain('12');
  });
});
