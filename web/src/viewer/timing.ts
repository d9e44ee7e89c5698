/** Steps of opening a case on the browser's own time line (User Timing), for its profiler and our measurements. */
export function passed(step: string): void {
  // One entry per step: a day of reading must not fill the list.
  performance.clearMarks(step);
  performance.mark(step);
}
