/** What each filter could be set to under the others, with how many studies it would leave. */
import { useRead } from '../ui/useRead';
import { searchOf, type Filters } from './filters';

export type Facets = Partial<Record<string, { value: string; count: number }[]>>;

const NONE: Facets = {};

/** Read again with every filter and with every new reading of the list (`round`). */
export function useFacets(filters: Filters, round: number, shown: boolean): Facets {
  const path = `/api/worklist/facets${searchOf({ ...filters, sort: undefined })}`;
  return useRead<{ facets: Facets }>(shown ? path : null, null, round).data?.facets ?? NONE;
}
