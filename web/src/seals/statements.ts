/** Signed statements; twin of core/seals/statements.py.
 *
 * People sign with WebCrypto's ECDSA P-256. Nodes' Ed25519 is verified in JavaScript: WebCrypto's begins with
 * Chrome 137, and two implementations could disagree about odd signatures.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { canonical, canonicalText, isObject, parseCanonical, type Json } from './canonical';
import { SealRefused } from './refusal';
import { fromHex, sha256, toHex, utf8, type Bytes } from './text';

export type Signer = { node: string } | { person: string; key: string };

export interface Statement {
  body: Json;
  domain: string;
  signer: Signer;
}

export interface Signed {
  statement: Statement;
  signature: Bytes;
}

/** Public keys that may sign, as of one moment; throws SignerUnknown, SignerRevoked or KeyRetired. */
export interface KeyBook {
  node(node: string): Bytes;
  person(person: string, key: string): CryptoKey;
}

const MOST_BYTES = 2 ** 20;
const ECDSA = { name: 'ECDSA', hash: 'SHA-256' };

export const signerName = (signer: Signer): string => ('node' in signer ? signer.node.slice(0, 16) : signer.person);

const asJson = (statement: Statement): Json => ({ body: statement.body, domain: statement.domain, signer: { ...statement.signer } });

export const statementBytes = (statement: Statement): Bytes => canonical(asJson(statement));

/** The statement's name: SHA-256 of what is signed, without the signature (an ECDSA signature has a twin). */
export const statementHash = async (statement: Statement): Promise<string> => toHex(await sha256(statementBytes(statement)));

export const joined = (statement: Statement, signature: Bytes): string =>
  canonicalText({ signature: toHex(signature), statement: asJson(statement) });

export async function signPerson(body: Json, domain: string, signer: { person: string; key: string }, key: CryptoKey): Promise<string> {
  const statement = { body, domain, signer };
  return joined(statement, new Uint8Array(await crypto.subtle.sign(ECDSA, key, statementBytes(statement))));
}

const isName = (value: unknown): value is string => typeof value === 'string' && value.length > 0 && value.length <= 160;

function signerOf(value: unknown): Signer | null {
  if (!isObject(value)) return null;
  const names = Object.keys(value).sort().join();
  if (names === 'node' && isName(value.node)) return { node: value.node };
  if (names === 'key,person' && isName(value.person) && isName(value.key)) return { person: value.person, key: value.key };
  return null;
}

/** Reads the wire form without looking at the signature: for routing, never for belief. */
export function parseStatement(text: string): Signed {
  const malformed = (fault: string) => new SealRefused('StatementMalformed', { fault });
  const data = utf8(text);
  if (data.length > MOST_BYTES) throw malformed('size');
  let outer: Json;
  try {
    outer = parseCanonical(data);
  } catch {
    throw malformed('json');
  }
  const inner = outer.statement;
  if (Object.keys(outer).sort().join() !== 'signature,statement' || !isObject(inner)) throw malformed('fields');
  const signer = signerOf(inner.signer);
  const { body, domain } = inner;
  if (Object.keys(inner).sort().join() !== 'body,domain,signer' || !isObject(body) || !isName(domain) || signer === null) throw malformed('fields');
  try {
    return { statement: { body, domain, signer }, signature: fromHex(outer.signature, 64) };
  } catch {
    throw malformed('signature');
  }
}

export function verifyNode(signature: Bytes, message: Bytes, publicKey: Bytes): boolean {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false; // not a point: nobody's key
  }
}

export async function openStatement(text: string, keys: KeyBook, domain: string | null): Promise<Statement> {
  const { statement, signature } = parseStatement(text);
  if (domain !== null && statement.domain !== domain) throw new SealRefused('DomainWrong', { expected: domain, found: statement.domain });
  const { signer } = statement;
  const message = statementBytes(statement);
  const good =
    'node' in signer
      ? verifyNode(signature, message, keys.node(signer.node))
      : await crypto.subtle.verify(ECDSA, keys.person(signer.person, signer.key), signature, message);
  if (!good) throw new SealRefused('SignatureWrong', { signer: signerName(signer) });
  return statement;
}
