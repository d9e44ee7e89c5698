/** How long until something is due, or how long ago it was. */
export function dueIn(due: string, now: number): { hours: number; minutes: number; over: boolean } {
  const left = Date.parse(due) - now;
  const minutes = Math.floor(Math.abs(left) / 60_000);
  return { hours: Math.floor(minutes / 60), minutes: minutes % 60, over: left < 0 };
}
