/** The directory of public keys: verified from its first entry, accepted only as an extension of what was seen.
 *
 * Twin of core/seals/directory.py, entry by entry and refusal by refusal.
 */
import { canonical, isObject, parseCanonical, type Json } from './canonical';
import { SealRefused } from './refusal';
import { openStatement, verifyNode, type KeyBook, type Statement } from './statements';
import { concat, fromHex, sha256, toHex, utf8, type Bytes } from './text';

const GENESIS = '0'.repeat(64);
const HEAD_DOMAIN = 'xinglin directory v1';
const WITNESS_DOMAIN = 'xinglin witness v1';
const MOST_BYTES = 16 * 1024;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const BODIES: Record<string, string> = {
  hospital: 'name,recovery_public',
  node: 'hospital,seal_public,sign_public',
  person: 'agree_public,attested,department,hospital,key,name,role,sign_public,title',
  retired: 'key',
  revoked: '',
};

interface Entry {
  seq: number;
  prev: string;
  at: string;
  kind: string;
  id: string;
  body: Record<string, string>;
  text: string;
}

export interface Head {
  size: number;
  head: string;
  at: string;
}

interface Node {
  hospital: string;
  sign: Bytes;
  seal: string;
  revokedAt: string;
}

/** A person as one entry shows them, with the key of that entry. */
export interface PersonKey {
  person: string;
  hospital: string;
  name: string;
  department: string;
  title: string;
  role: string;
  key: string;
  agree_public: string;
  sign_public: string;
  /** Node id of the box of the person's hospital that attested the key, or empty. */
  attested: string;
  seq: number;
  at: string;
  retired_at: string;
}

/** A key that took the place of another, or a further box of a hospital (`box`: hospital id, node ids). */
export interface ChangedKey {
  kind: 'person' | 'node' | 'hospital' | 'box';
  id: string;
  old: string;
  new: string;
  seq: number;
  at: string;
}

export interface Hospital {
  name: string;
  recovery_public: string;
}

const malformed = (seq: number, fault: string) => new SealRefused('DirectoryMalformed', { seq, fault });
const linkOf = async (text: string): Promise<string> => toHex(await sha256(utf8(text)));

function parseEntry(text: string): Json {
  if (utf8(text).length > MOST_BYTES) throw malformed(0, 'size');
  try {
    return parseCanonical(utf8(text));
  } catch {
    throw malformed(0, 'json');
  }
}

function bodyOf(body: Json, seq: number, kind: string, id: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, one] of Object.entries(body)) {
    if (typeof one !== 'string') throw malformed(seq, 'kind');
    fields[name] = one;
  }
  if (!Object.hasOwn(BODIES, kind)) throw malformed(seq, 'kind');
  const names = Object.keys(fields).sort().join();
  const fits = kind === 'revoked' ? (names === 'node' || names === 'person') && fields[names] === id : names === BODIES[kind];
  if (!fits) throw malformed(seq, 'body');
  return fields;
}

function readEntry(text: string): Entry {
  const value = parseEntry(text);
  const { seq, prev, at, kind, id, body } = value;
  if (Object.keys(value).sort().join() !== 'at,body,id,kind,prev,seq' || typeof seq !== 'number' || !Number.isInteger(seq)) throw malformed(0, 'fields');
  if (typeof prev !== 'string' || typeof at !== 'string' || typeof kind !== 'string' || typeof id !== 'string') throw malformed(0, 'fields');
  if (!isObject(body) || id.length < 1 || id.length > 80) throw malformed(seq, 'fields');
  if (!TIME.test(at)) throw malformed(seq, 'at');
  return { seq, prev, at, kind, id, body: bodyOf(body, seq, kind, id), text };
}

async function p256(hex: string, usage: 'ECDH' | 'ECDSA'): Promise<CryptoKey> {
  const raw = fromHex(hex, 65);
  return crypto.subtle.importKey('raw', raw, { name: usage, namedCurve: 'P-256' }, true, usage === 'ECDSA' ? ['verify'] : []);
}

export const personKeyId = async (agree: Bytes, sign: Bytes): Promise<string> => toHex(await sha256(concat(utf8('xinglin person key v1'), agree, sign)));

/** What a node of the person's hospital signs to attest a key. */
export const attestationBytes = (node: string, person: string, name: string, hospital: string, key: string): Bytes =>
  canonical({ body: { hospital, key, name, person }, domain: 'xinglin person key v1', signer: { node } });

function headOf({ body }: Statement): Head | null {
  const { size, head, at } = body;
  if (Object.keys(body).sort().join() !== 'at,head,size' || typeof size !== 'number' || !Number.isInteger(size) || size < 0) return null;
  if (typeof at !== 'string' || typeof head !== 'string' || !/^[0-9a-f]{64}$/.test(head)) return null;
  return { size, head, at };
}

export class Directory {
  readonly entries: string[] = [];
  private readonly links: string[] = [];
  head: Head = { size: 0, head: GENESIS, at: '' };
  readonly hospitals = new Map<string, Hospital>();
  readonly people = new Map<string, PersonKey>();
  readonly revoked = new Map<string, string>();
  private readonly nodes = new Map<string, Node>();
  private readonly keys = new Map<string, { entry: PersonKey; verify: CryptoKey }>();
  private readonly changes: ChangedKey[] = [];

  private constructor(
    readonly hub: string,
    private readonly hubPublic: Bytes,
  ) {}

  static async of(hubPublic: Bytes): Promise<Directory> {
    return new Directory(toHex(await sha256(hubPublic)), hubPublic);
  }

  get size(): number {
    return this.entries.length;
  }

  link(size: number): string {
    return size === 0 ? GENESIS : (this.links[size - 1] ?? '');
  }

  /** Returns a new directory with what the hub shows beyond this one; this one stays as it is. */
  async extend(entries: readonly string[], head: string): Promise<Directory> {
    const signed = await this.readHead(head);
    if (signed.size < this.size) {
      if (this.link(signed.size) !== signed.head) throw new SealRefused('DirectoryForked', { seq: signed.size });
      throw new SealRefused('DirectoryRewound', { known: this.size, offered: signed.size });
    }
    const fresh: Entry[] = [];
    for (const text of entries) {
      const entry = readEntry(text);
      if (entry.seq > this.size) fresh.push(entry);
      else if (this.entries[entry.seq - 1] !== text) throw new SealRefused('DirectoryForked', { seq: entry.seq });
    }
    if (this.size + fresh.length !== signed.size) throw new SealRefused('DirectoryIncomplete', { signed: signed.size, found: this.size + fresh.length });
    const next = this.copy();
    for (const entry of fresh) {
      if (entry.seq !== next.size + 1) throw malformed(entry.seq, 'seq');
      if (entry.prev !== next.link(next.size)) throw new SealRefused('DirectoryForked', { seq: entry.seq });
      await next.add(entry);
    }
    if (next.link(next.size) !== signed.head) throw new SealRefused('DirectoryForked', { seq: signed.size });
    next.head = signed;
    return next;
  }

  /** Keys that may sign as of a time (ISO 8601 UTC, ms), or now: see `Book` in core/seals/directory.py. */
  book(asOf = ''): KeyBook {
    const over = (at: string) => at !== '' && (asOf === '' || at <= asOf);
    return {
      node: (node) => {
        if (node === this.hub) return this.hubPublic;
        const found = this.nodes.get(node);
        const signer = node.slice(0, 16);
        if (!found) throw new SealRefused('SignerUnknown', { signer });
        if (over(found.revokedAt)) throw new SealRefused('SignerRevoked', { signer, at: found.revokedAt });
        return found.sign;
      },
      person: (person, key) => {
        const found = this.keys.get(`${person} ${key}`);
        if (!found) throw new SealRefused('SignerUnknown', { signer: person });
        const revoked = this.revoked.get(person) ?? '';
        if (over(revoked)) throw new SealRefused('SignerRevoked', { signer: person, at: revoked });
        if (over(found.entry.retired_at)) throw new SealRefused('KeyRetired', { signer: person, at: found.entry.retired_at });
        return found.verify;
      },
    };
  }

  /** Hospital of a box. */
  hospitalOf(node: string): string | null {
    return this.nodes.get(node)?.hospital ?? null;
  }

  /** The hospitals with a box that stands: only theirs can be vouched for. */
  withBox(): string[] {
    return [...new Set([...this.nodes.values()].filter((one) => one.revokedAt === '').map((one) => one.hospital))];
  }

  /** Whether a box of the person's hospital that stands has attested the key. */
  vouched({ attested }: PersonKey): boolean {
    return this.nodes.get(attested)?.revokedAt === '';
  }

  changedKeys(since: number): ChangedKey[] {
    return this.changes.filter((one) => one.seq > since);
  }

  /** Compares what another box signed that it saw; one that saw further cannot be compared yet. */
  async checkWitness(text: string): Promise<Head & { node: string; ahead: boolean }> {
    const statement = await openStatement(text, this.book(), WITNESS_DOMAIN);
    const head = headOf(statement);
    if (!head || !('node' in statement.signer)) throw new SealRefused('StatementMalformed', { fault: 'witness' });
    const { node } = statement.signer;
    const ahead = head.size > this.size;
    if (!ahead && this.link(head.size) !== head.head) throw new SealRefused('WitnessConflict', { node: node.slice(0, 16), size: head.size });
    return { ...head, node, ahead };
  }

  private async readHead(text: string): Promise<Head> {
    const unsigned = () => new SealRefused('HeadUnsigned', { fault: 'signature' });
    const book: KeyBook = {
      node: (node) => {
        if (node !== this.hub) throw unsigned();
        return this.hubPublic;
      },
      person: () => {
        throw unsigned();
      },
    };
    let statement: Statement;
    try {
      statement = await openStatement(text, book, HEAD_DOMAIN);
    } catch {
      throw unsigned();
    }
    const found = headOf(statement);
    if (!found) throw unsigned();
    return found;
  }

  private copy(): Directory {
    const next = new Directory(this.hub, this.hubPublic);
    next.entries.push(...this.entries);
    next.links.push(...this.links);
    next.changes.push(...this.changes);
    next.head = this.head;
    for (const name of ['hospitals', 'people', 'revoked', 'nodes', 'keys'] as const) {
      for (const [id, one] of this[name]) (next[name] as Map<string, unknown>).set(id, one);
    }
    return next;
  }

  private async add(entry: Entry): Promise<void> {
    const rules: Record<string, (entry: Entry) => void | Promise<void>> = {
      hospital: (one) => this.hospital(one),
      node: (one) => this.node(one),
      person: (one) => this.person(one),
      retired: (one) => this.retired(one),
      revoked: (one) => this.revoke(one),
    };
    try {
      await rules[entry.kind]?.(entry);
    } catch (fault) {
      throw fault instanceof SealRefused ? fault : malformed(entry.seq, 'key');
    }
    this.entries.push(entry.text);
    this.links.push(await linkOf(entry.text));
  }

  private hospital({ seq, at, id, body }: Entry): void {
    const { name = '', recovery_public = '' } = body;
    if (recovery_public !== '') fromHex(recovery_public, 32);
    this.changed({ kind: 'hospital', id, old: this.hospitals.get(id)?.recovery_public ?? '', new: recovery_public, seq, at });
    this.hospitals.set(id, { name, recovery_public });
  }

  private async node({ seq, at, id, body }: Entry): Promise<void> {
    const { hospital = '', sign_public = '', seal_public = '' } = body;
    const sign = fromHex(sign_public, 32);
    fromHex(seal_public, 32);
    const before = this.nodes.get(id);
    if (!this.hospitals.has(hospital)) throw malformed(seq, 'hospital');
    if (id !== toHex(await sha256(sign)) || (before && before.revokedAt !== '')) throw malformed(seq, 'node');
    if (before && before.hospital !== hospital) throw malformed(seq, 'moved');
    const earlier = [...this.nodes].filter(([, one]) => one.hospital === hospital).pop();
    if (before) this.changed({ kind: 'node', id, old: before.seal, new: seal_public, seq, at });
    else if (earlier) this.changed({ kind: 'box', id: hospital, old: earlier[0], new: id, seq, at });
    this.nodes.set(id, { hospital, sign, seal: seal_public, revokedAt: '' });
  }

  private async person(entry: Entry): Promise<void> {
    const { seq, at, id, body } = entry;
    const { hospital = '', name = '', department = '', title = '', role = '', key = '', agree_public = '', sign_public = '' } = body;
    await p256(agree_public, 'ECDH');
    const verify = await p256(sign_public, 'ECDSA');
    if (!this.hospitals.has(hospital)) throw malformed(seq, 'hospital');
    if (key !== (await personKeyId(fromHex(agree_public, 65), fromHex(sign_public, 65))) || this.revoked.has(id)) throw malformed(seq, 'person');
    const known = this.keys.get(`${id} ${key}`);
    if (known && known.entry.retired_at !== '') throw malformed(seq, 'retired');
    const attested = this.attestedBy(entry);
    const shown = { person: id, hospital, name, department, title, role, key, agree_public, sign_public, attested, seq, at, retired_at: '' };
    this.changed({ kind: 'person', id, old: this.people.get(id)?.key ?? '', new: key, seq, at });
    this.people.set(id, shown);
    this.keys.set(`${id} ${key}`, { entry: shown, verify });
  }

  private retired({ seq, at, id, body }: Entry): void {
    const key = body.key ?? '';
    const found = this.keys.get(`${id} ${key}`);
    if (!found || found.entry.retired_at !== '') throw malformed(seq, 'retired');
    const entry = { ...found.entry, retired_at: at };
    this.keys.set(`${id} ${key}`, { ...found, entry });
    if (this.people.get(id)?.key === key) this.people.set(id, entry);
  }

  private revoke({ seq, at, id, body }: Entry): void {
    if ('person' in body) {
      if (!this.people.has(id)) throw malformed(seq, 'person');
      if (!this.revoked.has(id)) this.revoked.set(id, at);
      return;
    }
    const found = this.nodes.get(id);
    if (!found) throw malformed(seq, 'node');
    this.nodes.set(id, { ...found, revokedAt: found.revokedAt || at });
  }

  private attestedBy({ seq, id, body }: Entry): string {
    const { attested = '', hospital = '', key = '', name = '' } = body;
    if (attested === '') return '';
    const signature = fromHex(attested, 64);
    for (const [node, known] of this.nodes) {
      if (known.hospital !== hospital) continue;
      // A revoked box's word counts no more.
      if (verifyNode(signature, attestationBytes(node, id, name, hospital, key), known.sign)) return known.revokedAt === '' ? node : '';
    }
    throw malformed(seq, 'attested');
  }

  private changed(change: ChangedKey): void {
    if (change.old !== '' && change.old !== change.new) this.changes.push(change);
  }
}
