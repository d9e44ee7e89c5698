/** Frames out of sealed groups: a group is fetched and opened once, however many frames ask for it. */
import type { FrameBytes } from '../../viewer/cornerstone';
import type { CaseObject, FramePlace } from './bundle';

export class NoSuchFrame extends Error {}

const KEPT_GROUPS = 24; // opened groups of about 1 MiB; the decoded pictures have their own cache

export interface FrameStore {
  add: (places: ReadonlyMap<string, FramePlace>) => void;
  load: (imageId: string) => Promise<FrameBytes>;
}

export function frameStore(objects: readonly CaseObject[], open: (object: CaseObject) => Promise<Uint8Array>): FrameStore {
  const byId = new Map(objects.map((object) => [object.object, object]));
  const places = new Map<string, FramePlace>();
  const groups = new Map<string, Promise<Uint8Array>>();

  function group(id: string): Promise<Uint8Array> {
    const known = groups.get(id);
    if (known !== undefined) {
      // Used again: to the young end, so that the oldest goes first.
      groups.delete(id);
      groups.set(id, known);
      return known;
    }
    const object = byId.get(id);
    if (object === undefined || object.kind !== 'frames') return Promise.reject(new NoSuchFrame(id));
    const opened = open(object);
    groups.set(id, opened);
    opened.catch(() => groups.delete(id)); // the network may come back: ask again then
    for (const oldest of groups.keys()) {
      if (groups.size <= KEPT_GROUPS) break;
      groups.delete(oldest);
    }
    return opened;
  }

  return {
    add: (more) => more.forEach((place, imageId) => places.set(imageId, place)),
    async load(imageId) {
      const place = places.get(imageId);
      if (place === undefined) throw new NoSuchFrame(imageId);
      const bytes = await group(place.object);
      if (place.offset + place.length > bytes.length) throw new NoSuchFrame(imageId);
      return { bytes: bytes.slice(place.offset, place.offset + place.length), syntax: place.syntax };
    },
  };
}
