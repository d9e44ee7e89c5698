import { ServerRefused, Unreachable } from '../api/client';
import { useTexts } from '../i18n';

/** One sentence for whatever a request of the review threw. */
export function Refusal({ why }: { why: unknown }) {
  const { t, said } = useTexts();
  if (why instanceof ServerRefused) return <>{`${said(why.said)} (${why.said.code})`}</>;
  return <>{t(why instanceof Unreachable ? 'review.unreachable' : 'review.failed')}</>;
}
