/** How large a picture is drawn that nobody has zoomed. Pure. */

/** Zoom, in parts of the upright picture's fit, at which a picture turned by degrees fits its pane; 1 where a size is unknown. */
export function turnedFit([width, height]: readonly [number, number], [paneWidth, paneHeight]: readonly [number, number], rotation: number): number {
  if (!(width > 0 && height > 0 && paneWidth > 0 && paneHeight > 0)) return 1;
  const angle = (rotation * Math.PI) / 180;
  const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
  const upright = Math.min(paneWidth / width, paneHeight / height);
  return Math.min(paneWidth / (width * cos + height * sin), paneHeight / (width * sin + height * cos)) / upright;
}
