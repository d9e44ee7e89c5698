/** The reading room: made ready while the list is read, and then entered without a pause. */
import { lazy, useState } from 'react';

type Room = React.ComponentType<{ consult: string }>;

let entered: Room | null = null; // the room's code is one per page, as every module is

async function load(): Promise<{ default: Room }> {
  const room = await import('./case/CasePage');
  entered = room.default;
  return room;
}

const Later = lazy(load);

/** Code, drawing and decoder; what fails here fails again, and is told, where it is needed. */
export async function makeReady(): Promise<void> {
  await load();
  await (await import('../viewer/cornerstone')).warmUp();
}

export function CaseRoom({ consult }: { consult: string }) {
  // React shows a lazy page a third of a second late even where its code is here already.
  const [Page] = useState<Room>(() => entered ?? Later);
  return <Page consult={consult} />;
}
