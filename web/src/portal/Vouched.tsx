/** Who vouches for a key: the person's hospital, nobody yet, or nobody who could. */
import { useTexts } from '../i18n';
import type { PersonKey } from '../seals/client';
import { PlainChip } from '../ui/chips';
import { useDirectory } from './directory';

export function Vouched({ of }: { of: Pick<PersonKey, 'attested' | 'hospital'> }) {
  const { t } = useTexts();
  const { view } = useDirectory();
  if (of.attested !== '') return <PlainChip tone="good" glyph="✓" label={t('directory.vouched', { name: view?.hospitals[of.hospital]?.name ?? '' })} />;
  return <PlainChip tone="warn" glyph="○" label={t(view?.boxes.includes(of.hospital) === true ? 'directory.notVouched' : 'directory.noBox')} />;
}
