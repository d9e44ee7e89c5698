/** Chunked authenticated encryption, seekable and key-committing; the twin of core/blobs/envelope.py.
 *
 * `"XLB" ‖ suite 0x01 ‖ log2(chunk) ‖ salt (32) ‖ commitment (32) ‖ chunks`; HKDF-SHA256 of the key gives the file
 * key and the commitment; chunk i is AES-256-GCM under nonce `i (11) ‖ last (1)` with the context as associated data.
 */
import { SealRefused } from './refusal';
import { concat, equal, random, utf8, type Bytes } from './text';

export const TAG = 16;
export const HEADER = 69;
const MAGIC = utf8('XLB');
const SUITE = 1;
const CHUNK_LOG2 = 17;

/** Reads `[from, to)` of the sealed bytes; less only at their end. */
export type ReadAt = (from: number, to: number) => Promise<Bytes>;

/** The consultation key as WebCrypto holds it: it derives and cannot be exported. */
export const importKey = (raw: Bytes): Promise<CryptoKey> => crypto.subtle.importKey('raw', raw, 'HKDF', false, ['deriveBits']);

async function derive(key: CryptoKey, salt: Bytes, prefix: Bytes, context: Bytes): Promise<{ cipher: CryptoKey; commitment: Bytes }> {
  const info = concat(utf8('xinglin blob v1'), prefix, context);
  const material = new Uint8Array(await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, 512));
  const cipher = await crypto.subtle.importKey('raw', material.slice(0, 32), 'AES-GCM', false, ['encrypt', 'decrypt']);
  const commitment = material.slice(32);
  material.fill(0);
  return { cipher, commitment };
}

function parameters(index: number, last: boolean, context: Bytes): AesGcmParams {
  const iv = new Uint8Array(12);
  new DataView(iv.buffer).setUint32(3, Math.floor(index / 2 ** 32));
  new DataView(iv.buffer).setUint32(7, index % 2 ** 32);
  iv[11] = last ? 1 : 0;
  return { name: 'AES-GCM', iv, ...(context.length > 0 ? { additionalData: context } : {}) };
}

const damaged = (fault: string) => new SealRefused('ObjectDamaged', { fault });

export class Reader {
  private constructor(
    private readonly cipher: CryptoKey,
    private readonly readAt: ReadAt,
    private readonly context: Bytes,
    private readonly chunk: number,
    private readonly chunks: number,
    readonly length: number,
  ) {}

  /** Refuses another suite, a header that is not ours, an impossible length, and another key or context. */
  static async open(key: CryptoKey, readAt: ReadAt, size: number, context: Bytes): Promise<Reader> {
    const header = await readAt(0, HEADER);
    if (header.length < 4 || !equal(header.subarray(0, 3), MAGIC)) throw damaged('header');
    if (header[3] !== SUITE) throw new SealRefused('SuiteUnknown', { suite: header[3] ?? 0, what: 'object' });
    const log2 = header[4] ?? 0;
    if (header.length !== HEADER || log2 < 10 || log2 > 24) throw damaged('header');
    const { cipher, commitment } = await derive(key, header.slice(5, 37), header.slice(0, 5), context);
    if (!equal(commitment, header.subarray(37))) throw damaged('key');
    const chunk = 2 ** log2;
    const body = size - HEADER;
    const chunks = Math.ceil(body / (chunk + TAG));
    const length = body - chunks * TAG;
    if (body < TAG || length < 0 || body - (chunks - 1) * (chunk + TAG) < TAG) throw damaged('length');
    return new Reader(cipher, readAt, context, chunk, chunks, length);
  }

  /** Plaintext `[from, to)`, cut at the end: only the chunks that hold it are read, each is verified. */
  async read(from: number, to: number): Promise<Bytes> {
    const end = Math.min(to, this.length);
    if (from < 0 || from >= end) return new Uint8Array();
    const first = Math.floor(from / this.chunk);
    const last = Math.floor((end - 1) / this.chunk);
    const plain = await this.openChunks(first, last);
    return plain.subarray(from - first * this.chunk, end - first * this.chunk);
  }

  /** All plaintext; the last chunk is always looked at, also of an empty object. */
  whole(): Promise<Bytes> {
    return this.openChunks(0, this.chunks - 1);
  }

  private async openChunks(first: number, last: number): Promise<Bytes> {
    const step = this.chunk + TAG;
    const sealed = await this.readAt(HEADER + first * step, HEADER + (last + 1) * step);
    const opened = Array.from({ length: last - first + 1 }, async (_, n) => {
      const index = first + n;
      try {
        const piece = sealed.subarray(n * step, (n + 1) * step);
        return new Uint8Array(await crypto.subtle.decrypt(parameters(index, index === this.chunks - 1, this.context), this.cipher, piece));
      } catch {
        throw damaged(`chunk ${index}`);
      }
    });
    const pieces = await Promise.all(opened);
    return pieces.length === 1 && pieces[0] ? pieces[0] : concat(...pieces);
  }
}

/** Seals a whole object. `salt` and `log2` are arguments for the vectors only. */
export async function seal(plain: Bytes, key: CryptoKey, context: Bytes, salt: Bytes = random(32), log2 = CHUNK_LOG2): Promise<Bytes> {
  const prefix = concat(MAGIC, new Uint8Array([SUITE, log2]));
  const { cipher, commitment } = await derive(key, salt, prefix, context);
  const chunk = 2 ** log2;
  const chunks = Math.max(1, Math.ceil(plain.length / chunk));
  const sealed = Array.from({ length: chunks }, async (_, n) => {
    const piece = plain.subarray(n * chunk, (n + 1) * chunk);
    return new Uint8Array(await crypto.subtle.encrypt(parameters(n, n === chunks - 1, context), cipher, piece));
  });
  return concat(prefix, salt, commitment, ...(await Promise.all(sealed)));
}
