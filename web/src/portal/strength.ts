/**
 * How long a thief with a graphics card would need for a passphrase. Pure, deliberately pessimistic:
 * the wrapped key lies at the hub, so the passphrase is all that stands between the hub and the key.
 */

export type Strength = 'too_short' | 'weak' | 'fair' | 'strong';

export const SHORTEST = 12;
/** Bits below which the page refuses. Argon2id with 64 MiB costs about 2^10 of a plain hash. */
export const FAIR_BITS = 50;
const STRONG_BITS = 70;

const COMMON = ['password', 'xinglin', 'hospital', 'admin', 'qwerty', 'asdf', 'zxcv', 'iloveyou', 'welcome', 'passw0rd', 'abcd', '1234', '1111', '0000', '8888', '6666'];

function alphabet(text: string): number {
  let size = 0;
  if (/[a-z]/.test(text)) size += 26;
  if (/[A-Z]/.test(text)) size += 26;
  if (/\d/.test(text)) size += 10;
  if (/[^\p{L}\p{N}]/u.test(text)) size += 20;
  // Common Han characters: what people really choose from.
  if (/\p{Script=Han}/u.test(text)) size += 1200;
  return Math.max(size, 2);
}

/** Characters that a rule predicts (repeats, runs like abc and 321) count for little. */
function surprising(text: string): number {
  const points = Array.from(text, (letter) => letter.codePointAt(0) ?? 0);
  return points.reduce((sum, point, at) => {
    const before = points[at - 1];
    const earlier = points[at - 2];
    if (before === undefined) return sum + 1;
    const run = earlier !== undefined && point - before === before - earlier && Math.abs(point - before) <= 1;
    return sum + (run || point === before ? 0.15 : 1);
  }, 0);
}

/** Estimated bits of a passphrase that its owner made up. */
export function bitsOf(passphrase: string, personal: readonly string[] = []): number {
  let rest = passphrase.toLowerCase();
  let found = 0;
  for (const word of [...COMMON, ...personal.map((one) => one.toLowerCase()).filter((one) => one.length >= 3)]) {
    while (rest.includes(word)) {
      rest = rest.replace(word, '');
      found += 1;
    }
  }
  // The case of letters and what is left; a known word is worth its place in a short list.
  return surprising(rest) * Math.log2(alphabet(rest.length === passphrase.length ? passphrase : rest)) * 0.85 + found * 6;
}

export function strengthOf(passphrase: string, personal: readonly string[] = []): Strength {
  if (Array.from(passphrase).length < SHORTEST) return 'too_short';
  const bits = bitsOf(passphrase, personal);
  if (bits < FAIR_BITS) return 'weak';
  return bits < STRONG_BITS ? 'fair' : 'strong';
}

/** Whether the page makes keys with it. */
export function acceptable(passphrase: string, personal: readonly string[] = []): boolean {
  const strength = strengthOf(passphrase, personal);
  return strength === 'fair' || strength === 'strong';
}
