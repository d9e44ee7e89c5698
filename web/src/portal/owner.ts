/** Whose keys these are: the person signed in, and their hospital as the verified directory shows it. */
import { useSession } from '../app/session';
import { useDirectory } from './directory';

export interface KeyOwner {
  person: string;
  user: string;
  name: string;
  hospital: string;
  hospitalName: string;
  /** The hospital's recovery key, hex; "" while it has none. */
  recovery: string;
  /** The hospital has a box, where somebody can vouch for its people's keys. */
  hasBox: boolean;
}

export function useOwner(): KeyOwner {
  const { me } = useSession();
  const { view } = useDirectory();
  const hospital = me?.hospital ?? '';
  const { name, recovery_public } = view?.hospitals[hospital] ?? { name: '', recovery_public: '' };
  return { person: me?.id ?? '', user: me?.user ?? '', name: me?.name ?? '', hospital, hospitalName: name, recovery: recovery_public, hasBox: view?.boxes.includes(hospital) ?? false };
}
