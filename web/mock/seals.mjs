// Development only: the page's own seals (src/seals), bundled for Node, and what a box and a hub do with them.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const NAMES = ['canonical', 'consultKey', 'directory', 'envelope', 'hpke', 'objects', 'statements', 'text'];

async function bundled() {
  const entry = 'virtual:seals';
  const at = (name) => fileURLToPath(new URL(`../src/seals/${name}.ts`, import.meta.url));
  const extra = `export { ed25519, x25519 } from '@noble/curves/ed25519.js';`;
  const code = NAMES.map((name) => `export * as ${name} from ${JSON.stringify(at(name))};`).join('\n') + extra;
  const web = fileURLToPath(new URL('..', import.meta.url));
  const build = await rolldown({
    input: entry,
    cwd: web,
    platform: 'node',
    logLevel: 'silent',
    plugins: [
      {
        name: 'entry',
        resolveId: (id, importer) => (id === entry ? join(web, 'virtual-seals.ts') : importer === undefined ? null : null),
        load: (id) => (id.endsWith('virtual-seals.ts') ? code : null),
      },
    ],
  });
  const file = join(mkdtempSync(join(tmpdir(), 'xinglin-mock-')), 'seals.mjs');
  await build.write({ file, format: 'esm', codeSplitting: false });
  await build.close();
  return import(pathToFileURL(file).href);
}

export const seals = await bundled();
const { canonical, consultKey, envelope, hpke, objects, statements, text, ed25519, x25519 } = seals;

export const hex = (bytes) => text.toHex(bytes);
export const random = (prefix, length = 16) => prefix + hex(text.random(length));

/** A node: Ed25519 for signing, X25519 for sealing. */
export async function makeNode() {
  const secret = text.random(32);
  const sign_public = ed25519.getPublicKey(secret);
  const seal_public = x25519.getPublicKey(text.random(32));
  return { secret, sign_public, seal_public, id: hex(await text.sha256(sign_public)) };
}

export function signNode(node, body, domain) {
  const statement = { body, domain, signer: { node: node.id } };
  return statements.joined(statement, ed25519.sign(statements.statementBytes(statement), node.secret));
}

/** A person whose keys this process holds: the other members of an MDT. */
export async function makePerson(id, name) {
  const agree = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
  const sign = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const raw = async (key) => new Uint8Array(await crypto.subtle.exportKey('raw', key));
  const [agree_public, sign_public] = [await raw(agree.publicKey), await raw(sign.publicKey)];
  return { id, name, agree_public, sign_public, sign: sign.privateKey, key: await seals.directory.personKeyId(agree_public, sign_public) };
}

export const signPerson = (person, body) => statements.signPerson(body, 'xinglin consult event v1', { person: person.id, key: person.key }, person.sign);

export async function wrapFor(key, publicKey, place) {
  return { fingerprint: hex(await text.sha256(publicKey)), recipient: place.recipient, sealed: text.toBase64url(await hpke.seal(key, publicKey, await consultKey.wrapInfo(publicKey, place))) };
}

/** Seals bytes as an object; keeps the ciphertext under its address. */
export async function sealObject(store, key, context, plain) {
  const sealed = await envelope.seal(plain, await envelope.importKey(key), objects.contextBytes(context));
  const address = await objects.addressOf(sealed);
  store.set(address, sealed);
  return { object: context.object, kind: context.kind, position: context.position, address, length: plain.length, sealed: sealed.length };
}

export const sealInline = async (key, context, value) => objects.sealInline(text.utf8(JSON.stringify(value)), await envelope.importKey(key), context);

export class DirectoryLog {
  entries = [];
  last = '0'.repeat(64);

  constructor(hub) {
    this.hub = hub;
  }

  async add(kind, id, body) {
    const entry = canonical.canonicalText({ at: new Date().toISOString(), body, id, kind, prev: this.last, seq: this.entries.length + 1 });
    this.entries.push(entry);
    this.last = hex(await text.sha256(text.utf8(entry)));
  }

  head() {
    return signNode(this.hub, { size: this.entries.length, head: this.last, at: new Date().toISOString() }, 'xinglin directory v1');
  }

  witness(node) {
    return signNode(node, { size: this.entries.length, head: this.last, at: new Date().toISOString() }, 'xinglin witness v1');
  }
}

export async function linkOf(before, seq, statement, at, actor) {
  const row = canonical.canonicalText({ actor, at, seq, statement: await statements.statementHash(statements.parseStatement(statement).statement) });
  return hex(await text.sha256(text.concat(Uint8Array.from(Buffer.from(before, 'hex')), text.utf8(row))));
}
