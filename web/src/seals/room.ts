/** Everything that touches a key, behind one door. The worker holds one room; what leaves it is ciphertext, signatures,
 * opened content and handles, never a key.
 */
import type { Json } from './canonical';
import { readWraps, unwrap, WRAPS_DOMAIN } from './consultKey';
import { Directory, type ChangedKey, type Head, type Hospital, type PersonKey } from './directory';
import { importKey, Reader, seal, type ReadAt } from './envelope';
import { addressOf, contextBytes, openInline, openWhole, sealInline, type ObjectContext } from './objects';
import { create, rewrap, unlock, type NewKeys, type Owner, type PersonKeys } from './person';
import { SealRefused } from './refusal';
import type { Shelf } from './shelf';
import { openStatement, parseStatement, signPerson, statementHash, type Signer, type Statement } from './statements';
import { fromHex, random, sha256, toBase64url, toHex, utf8, type Bytes } from './text';

/** Names a consultation key inside the worker; worth nothing outside it. */
export type Handle = string;

export interface WhoAmI {
  person: string;
  key: string;
}

export interface Checked {
  body: Json;
  domain: string;
  signer: Signer;
  sha256: string;
}

export interface DirectoryView {
  size: number;
  head: string;
  at: string;
  hub: string;
  hospitals: Record<string, Hospital>;
  people: Record<string, PersonKey>;
  revoked: Record<string, string>;
  /** Hospitals that have a box; nobody can vouch for the people of another. */
  boxes: string[];
  /** Keys in force that took another's place and that nobody has confirmed on this computer. */
  changed: ChangedKey[];
}

/** What a box saw; `ahead`: more than is here, so that it cannot be compared yet. */
export type Witness = Head & { node: string; ahead: boolean };

export interface SealedObject {
  sealed: Bytes;
  address: string;
}

interface Held {
  key: CryptoKey;
  consult: string;
  epoch: number;
}

interface Kept {
  hub_public: string;
  entries: string[];
  head: string;
}

const READERS = 64;

export class Room {
  private me: PersonKeys | null = null;
  private directory: Directory | null = null;
  private readonly handles = new Map<Handle, Held>();
  private readonly readers = new Map<string, Promise<Reader>>();

  constructor(private readonly shelf: Shelf) {}

  // -- the person's own keys ---------------------------------------------------------------------------------------

  /** Makes key pairs and keeps them here; returns what goes to the hub. */
  async createKeys(owner: Owner, passphrase: string, recoveryPublic: string): Promise<NewKeys> {
    const shown = this.directory?.hospitals.get(owner.hospital)?.recovery_public;
    if (shown !== undefined && shown !== recoveryPublic) throw new SealRefused('OwnKeySwapped', { what: 'recovery' });
    const { made, held } = await create(owner, passphrase, fromHex(recoveryPublic, 32));
    await this.keep(held);
    await this.confirmKey('person', owner.person, made.id); // whose change this is, they know
    return made;
  }

  /** Opens the wrapped keys on this computer; afterwards `resume` does without the passphrase until `forget`. */
  async unlock(wrapped: string, passphrase: string): Promise<WhoAmI> {
    return this.keep(await unlock(wrapped, passphrase));
  }

  /** Takes up keys that this computer still keeps. */
  async resume(person: string, key: string): Promise<WhoAmI | null> {
    const kept = (await this.shelf.get('keys', person)) as PersonKeys | undefined;
    if (!kept || kept.key !== key) return null;
    this.me = kept;
    return { person, key };
  }

  /** Whose keys are open here, and which: what the page shows as one's own, whatever the hub says. */
  whoAmI(): Promise<WhoAmI | null> {
    return Promise.resolve(this.me && { person: this.me.person, key: this.me.key });
  }

  /** Drops every key from memory. */
  lock(): Promise<void> {
    this.me = null;
    this.handles.clear();
    this.readers.clear();
    return Promise.resolve();
  }

  /** Drops every key from memory and this person's from this computer. */
  async forget(person: string): Promise<void> {
    await this.lock();
    await this.shelf.drop('keys', person);
  }

  /** Opens wrapped keys that came back from the hospital's recovery, if they are this person's and of this key. */
  async unlockOwn(wrapped: string, passphrase: string, mine: WhoAmI): Promise<WhoAmI> {
    const held = await unlock(wrapped, passphrase);
    if (held.person !== mine.person || held.key !== mine.key) throw new SealRefused('PersonKeysBroken');
    return this.keep(held);
  }

  /** Returns the wrapped form under another passphrase. */
  changePassphrase(wrapped: string, old: string, fresh: string): Promise<string> {
    return rewrap(wrapped, old, fresh);
  }

  // -- the directory -----------------------------------------------------------------------------------------------

  /** Verifies what the hub shows as an extension of what this computer saw before, and remembers it.
   *
   * @param pinned the hub's Ed25519 public key, hex; the first one that is seen is pinned for good.
   */
  async verifyDirectory(entries: readonly string[], head: string, pinned: string): Promise<DirectoryView> {
    const kept = (await this.shelf.get('directory', 'hub')) as Kept | undefined;
    if (kept && kept.hub_public !== pinned) throw new SealRefused('HeadUnsigned', { fault: 'hub' });
    let known = this.directory;
    if (!known) {
      known = await Directory.of(fromHex(pinned, 32));
      if (kept) known = await known.extend(kept.entries, kept.head);
    }
    const next = await known.extend(entries, head);
    const view = await this.view(next);
    this.directory = next;
    await this.shelf.put('directory', 'hub', { hub_public: pinned, entries: [...next.entries], head } satisfies Kept);
    return view;
  }

  /** Remembers that somebody at this computer compared a changed key and found it right; until then it is shown. */
  confirmKey(kind: ChangedKey['kind'], id: string, fresh: string): Promise<void> {
    return this.shelf.put('directory', `confirmed ${kind} ${id}`, fresh);
  }

  /** Verifies a signed statement with the directory's keys, as of a time (a row's own) or now. */
  async verifyStatement(text: string, domain: string | null, asOf = ''): Promise<Checked> {
    return this.checked(await openStatement(text, this.known().book(asOf), domain));
  }

  /** A statement's name (SHA-256 without the signature), also of one that does not verify: chains are made of names. */
  async nameOf(text: string): Promise<string> {
    return statementHash(parseStatement(text).statement);
  }

  /** Holds what another box signed that it saw against the directory here, at any size. */
  async checkWitness(text: string): Promise<Witness> {
    return this.known().checkWitness(text);
  }

  /** Signs as the person whose keys are here; returns the wire form and the statement's name. */
  async signStatement(body: Json, domain: string): Promise<{ text: string; sha256: string }> {
    const { person, key, sign } = this.mine();
    const text = await signPerson(body, domain, { person, key }, sign);
    return { text, sha256: await statementHash(parseStatement(text).statement) };
  }

  // -- consultations -----------------------------------------------------------------------------------------------

  /** Verifies a box's wrap set and opens one's own wrap of it. HPKE does not say who sealed, so that a wrap by itself
   * is nobody's word: the key comes from the hospital that owns the consultation, the same for all epochs, or not at all.
   */
  async openWrapSet(text: string, expected: { consult: string; epoch: number; hospital: string }, asOf = ''): Promise<Handle> {
    const directory = this.known();
    const statement = await openStatement(text, directory.book(asOf), WRAPS_DOMAIN);
    const set = readWraps(statement);
    const box = 'node' in statement.signer ? statement.signer.node : '';
    if (directory.hospitalOf(box) !== expected.hospital) throw new SealRefused('SignerUnknown', { signer: box.slice(0, 16) });
    if (set.consult !== expected.consult || set.epoch !== expected.epoch) throw new SealRefused('WrapBroken');
    const owner = await this.shelf.get('directory', `owner ${set.consult}`);
    if (owner !== undefined && owner !== expected.hospital) throw new SealRefused('OwnerChanged');
    const { person, agree, agreePublic } = this.mine();
    const fingerprint = toHex(await sha256(agreePublic));
    const wrap = set.wraps.find((one) => one.recipient === person && one.fingerprint === fingerprint);
    if (!wrap) throw new SealRefused('WrapBroken');
    const raw = await unwrap(wrap.sealed, agree, agreePublic, { consult: set.consult, epoch: set.epoch, recipient: person });
    try {
      const handle = this.handle({ key: await importKey(raw), consult: set.consult, epoch: set.epoch });
      await this.shelf.put('directory', `owner ${set.consult}`, expected.hospital);
      return handle;
    } finally {
      raw.fill(0);
    }
  }

  /** Drops one consultation's key. */
  close(handle: Handle): Promise<void> {
    this.handles.delete(handle);
    for (const name of this.readers.keys()) if (name.startsWith(handle)) this.readers.delete(name);
    return Promise.resolve();
  }

  /** Opens a whole object whose bytes must have the address that the signed index names. */
  async openObject(handle: Handle, context: ObjectContext, sealed: Bytes, address: string): Promise<Bytes> {
    return openWhole(sealed, this.key(handle, context), context, address);
  }

  /** Opens `[from, to)` of an object: only its chunks are read. Strong against everyone without the key (see objects.py). */
  async openObjectRange(handle: Handle, context: ObjectContext, source: { readAt: ReadAt; size: number }, from: number, to: number): Promise<Bytes> {
    const key = this.key(handle, context);
    const name = `${handle} ${source.size} ${toBase64url(contextBytes(context))}`;
    let reader = this.readers.get(name);
    if (!reader) {
      reader = Reader.open(key, source.readAt, source.size, contextBytes(context));
      this.remember(name, reader);
    }
    try {
      return await (await reader).read(from, to);
    } catch (fault) {
      this.readers.delete(name); // a failed fetch or a bad answer is not remembered
      throw fault;
    }
  }

  async openInline(handle: Handle, context: ObjectContext, text: string): Promise<Bytes> {
    return openInline(text, this.key(handle, context), context);
  }

  async sealInline(handle: Handle, context: ObjectContext, plain: Bytes): Promise<string> {
    return sealInline(plain, this.key(handle, context), context);
  }

  /** Seals something longer than inline text allows. */
  async sealObject(handle: Handle, context: ObjectContext, plain: Bytes): Promise<SealedObject> {
    const sealed = await seal(plain, this.key(handle, context), contextBytes(context));
    return { sealed, address: await addressOf(sealed) };
  }

  // -- drafts ------------------------------------------------------------------------------------------------------

  async saveDraft(name: string, text: string): Promise<void> {
    const iv = random(12);
    const key = await this.draftKey();
    const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(name) }, key, utf8(text)));
    await this.shelf.put('drafts', `${this.mine().person} ${name}`, { iv, sealed });
  }

  async loadDraft(name: string): Promise<string | null> {
    const kept = (await this.shelf.get('drafts', `${this.mine().person} ${name}`)) as { iv: Bytes; sealed: Bytes } | undefined;
    if (!kept) return null;
    try {
      const algorithm = { name: 'AES-GCM', iv: kept.iv, additionalData: utf8(name) };
      return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, await this.draftKey(), kept.sealed));
    } catch {
      return null; // sealed under a key that this person no longer has
    }
  }

  async dropDraft(name: string): Promise<void> {
    await this.shelf.drop('drafts', `${this.mine().person} ${name}`);
  }

  // ----------------------------------------------------------------------------------------------------------------

  /** The person's agreement with themselves: the same on every computer, and never bytes outside WebCrypto. */
  private async draftKey(): Promise<CryptoKey> {
    const { agree } = this.mine();
    const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: agree.publicKey }, agree.privateKey, 256));
    const base = await importKey(shared);
    shared.fill(0);
    const algorithm = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: utf8('xinglin draft v1') };
    const raw = new Uint8Array(await crypto.subtle.deriveBits(algorithm, base, 256));
    const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
    raw.fill(0);
    return key;
  }

  private async keep(held: PersonKeys): Promise<WhoAmI> {
    await this.lock();
    this.me = held;
    await this.shelf.put('keys', held.person, held);
    return { person: held.person, key: held.key };
  }

  private mine(): PersonKeys {
    if (!this.me) throw new SealRefused('KeysLocked');
    return this.me;
  }

  private known(): Directory {
    if (!this.directory) throw new SealRefused('DirectoryUnknown');
    return this.directory;
  }

  private key(handle: Handle, context: ObjectContext): CryptoKey {
    const held = this.handles.get(handle);
    if (!held) throw new SealRefused('KeysLocked');
    if (held.consult !== context.consult || held.epoch !== context.epoch) throw new SealRefused('ObjectDamaged', { fault: 'context' });
    return held.key;
  }

  private handle(held: Held): Handle {
    const handle = toHex(random(16));
    this.handles.set(handle, held);
    return handle;
  }

  private remember(name: string, reader: Promise<Reader>): void {
    const oldest = this.readers.keys().next();
    if (this.readers.size >= READERS && oldest.done !== true) this.readers.delete(oldest.value);
    this.readers.set(name, reader);
  }

  private async checked(statement: Statement): Promise<Checked> {
    return { ...statement, sha256: await statementHash(statement) };
  }

  private async view(directory: Directory): Promise<DirectoryView> {
    const { size, head, at }: Head = directory.head;
    const newest = new Map(directory.changedKeys(0).map((one) => [`${one.kind} ${one.id}`, one]));
    const changed: ChangedKey[] = [];
    for (const [name, one] of newest) if ((await this.shelf.get('directory', `confirmed ${name}`)) !== one.new) changed.push(one);
    return {
      size,
      head,
      at,
      hub: directory.hub,
      hospitals: Object.fromEntries(directory.hospitals),
      people: Object.fromEntries([...directory.people].map(([id, one]) => [id, directory.vouched(one) ? one : { ...one, attested: '' }])),
      revoked: Object.fromEntries(directory.revoked),
      boxes: directory.withBox(),
      changed,
    };
  }
}
