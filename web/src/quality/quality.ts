/** Which of a study's reasons and requests a line shows. Pure. */
import type { Advised, Quality, RepeatRequest } from './types';

export interface QualityShown {
  verdict: 'warn' | 'reject' | 'failed';
  first: Advised | undefined;
  /** Further warnings and refusals. */
  more: number;
}

/** null where there is nothing to warn of. The server sorts reasons worst first. */
export function lineOf(quality: Quality): QualityShown | null {
  const { verdict } = quality;
  if (verdict === '' || verdict === 'pass') return null;
  const said = quality.reasons.filter((one) => one.severity !== 'info');
  return { verdict, first: said[0], more: Math.max(0, said.length - 1) };
}

/** What is wrong, without what follows from it: a picture's corner has little room. */
export const inShort = (sentence: string): string => sentence.split(/[；;。]|\. /)[0]?.trim() ?? sentence;

const OPEN = ['requested', 'acknowledged'];

export const isOpen = (request: RepeatRequest): boolean => OPEN.includes(request.state);

/** The request to speak of: one that is open, else the newest (requests stand newest first). */
export function standing(requests: readonly RepeatRequest[]): RepeatRequest | null {
  return requests.find(isOpen) ?? requests[0] ?? null;
}

/** Codes that a physician's request names when nothing else is chosen: what speaks against the picture. */
export function codesOf(quality: Quality): string[] {
  return [...new Set(quality.reasons.filter((one) => one.severity !== 'info').map((one) => one.code))];
}
