/** Which events carry words, and as what those are sealed. */
import type { EventKind } from '../../consult/types';

export type InlineKind = 'message' | 'opinion' | 'answer';

const INLINE: Partial<Record<EventKind, InlineKind>> = {
  message: 'message',
  'information.asked': 'message',
  'information.given': 'answer',
  opinion: 'opinion',
  addendum: 'opinion',
  summary: 'opinion',
  offered: 'answer',
};

/** Reasons beside a refusal travel as messages. */
export function inlineKind(kind: EventKind): InlineKind {
  return INLINE[kind] ?? 'message';
}
