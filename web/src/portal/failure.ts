import type { PublicMessage } from '../api/types';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';
import { SealRefused } from './seals';

/** A part of the case that was sealed while this person held no key. */
export class NoKey extends Error {}

/** One sentence for whatever a request or the keys' worker threw. */
export function useSealFailureText(): (error: unknown) => string {
  const { t, said } = useTexts();
  const plain = useFailureText();
  const text = (message: PublicMessage) => `${said(message)} (${message.code})`;
  return (error) => {
    if (error instanceof SealRefused) return text(error.said);
    return error instanceof NoKey ? t('case.noKey') : plain(error);
  };
}
