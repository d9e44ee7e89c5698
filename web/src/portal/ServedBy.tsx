/** Whose code this page is. A hub that lies could write anything here: what decides is the address that was opened. */
import { useTexts } from '../i18n';

export interface Server {
  by: 'hub' | 'box';
  /** The hospital whose appliance it is, where it says. */
  hospital: string;
}

/** What the server wrote into the page; null in development, where nobody did. */
export function serverOf(content: string | null): Server | null {
  const [by, ...name] = (content ?? '').split(' ');
  if (by !== 'hub' && by !== 'box') return null;
  return { by, hospital: by === 'box' ? name.join(' ').trim() : '' };
}

export function statedServer(): Server | null {
  return serverOf(document.querySelector<HTMLMetaElement>('meta[name="xinglin-served-by"]')?.content ?? null);
}

/** The sentence for it, "" where nothing is known. */
export function useServedBy(): string {
  const { t } = useTexts();
  const server = statedServer();
  if (server === null) return '';
  if (server.by === 'hub') return t('portal.servedByHub');
  return server.hospital === '' ? t('portal.servedByBox') : t('portal.servedByBoxOf', { hospital: server.hospital });
}

export function ServedBy() {
  const said = useServedBy();
  return said === '' ? null : (
    <p className="muted" data-testid="served-by">
      {said}
    </p>
  );
}
