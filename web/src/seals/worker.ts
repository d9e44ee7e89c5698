/** The worker that holds keys. It fetches sealed bytes itself, so that they cross to the page only once, opened. */
import { Crossing } from './crossing';
import type { ToWorker } from './protocol';
import { Room } from './room';
import { diskShelf } from './shelf';

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
};

const crossing = new Crossing(new Room(diskShelf()), (message, transfer) => scope.postMessage(message, transfer));
scope.onmessage = (event) => crossing.take(event.data as ToWorker);
