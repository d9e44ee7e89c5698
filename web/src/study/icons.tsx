/** Signs of the tools: drawn, so that one row of them leaves the room to the pictures. Names are the buttons'. */

/** What is drawn on 20 × 20: a line, and what is filled. */
const SIGNS = {
  window: ['M10 3a7 7 0 1 0 0 14a7 7 0 1 0 0-14Z', 'M10 3a7 7 0 0 1 0 14Z'],
  scroll: ['M3 7l7-4 7 4-7 4ZM3 10.5l7 4 7-4M3 14l7 4 7-4', ''],
  pan: ['M10 2v16M2 10h16M7.5 4.5L10 2l2.5 2.5M7.5 15.5L10 18l2.5-2.5M4.5 7.5L2 10l2.5 2.5M15.5 7.5L18 10l-2.5 2.5', ''],
  zoom: ['M8.5 3a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11ZM12.5 12.5L17 17M8.5 6v5M6 8.5h5', ''],
  loupe: ['M8.5 3a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11ZM12.5 12.5L17 17', 'M8.5 6.5a2 2 0 1 0 0 4a2 2 0 1 0 0-4Z'],
  length: ['M4 16L16 4M1.8 13.8l4.4 4.4M13.8 1.8l4.4 4.4', ''],
  bidirectional: ['M3 17L17 3M6.5 6.5l7 7', ''],
  angle: ['M17 16H3L13 3M9 16a6 6 0 0 0-2.3-4.8', ''],
  probe: ['M10 2v5M10 13v5M2 10h5M13 10h5', 'M10 8.7a1.3 1.3 0 1 0 0 2.6a1.3 1.3 0 1 0 0-2.6Z'],
  ellipse: ['M2 10a8 5.5 0 1 0 16 0a8 5.5 0 1 0-16 0Z', ''],
  rectangle: ['M3 5h14v10H3Z', ''],
  contour: ['M5 6c3-4 9-3 11 1s1 8-4 9-9-1-9-4 0-4 2-6Z', ''],
  arrow: ['M17 17L4 4M4 11V4h7', ''],
  turn: ['M15.5 7A6.5 6.5 0 1 0 16.5 11M16 2.5V7.5H11', ''],
  invert: ['M3 4h14v12H3Z', 'M10 4h7v12h-7Z'],
  reset: ['M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4', ''],
  play: ['', 'M6 3.5l11 6.5-11 6.5Z'],
  undo: ['M7 3L3 7l4 4M3 7h9a5 5 0 0 1 0 10H7', ''],
  redo: ['M13 3l4 4-4 4M17 7H8a5 5 0 0 0 0 10h5', ''],
  outlines: ['M6 3.5c4-2 10 1 11 5s-2 8-7 8.500-7-3-7-7 1-5.500 3-6.500Z', ''],
  heat: ['M10 3a7 7 0 1 0 0 14a7 7 0 1 0 0-14Z', 'M10 6.500a3.500 3.500 0 1 0 0 7a3.500 3.500 0 1 0 0-7Z'],
  link: ['M8 12l4-4M9 6l2-2a3.500 3.500 0 0 1 5 5l-2 2M11 14l-2 2a3.500 3.500 0 0 1-5-5l2-2', ''],
  compare: ['M3 4h6v12H3ZM11 4h6v12h-6ZM5 10h2M13 10h2', ''],
  mpr: ['M3 3h14v14H3ZM3 8h14M12 3v14', ''],
  solid: ['M10 2l7 4v8l-7 4-7-4V6ZM3 6l7 4 7-4M10 10v8', ''],
  fusion: ['M7.500 4a6 6 0 1 0 0 12a6 6 0 1 0 0-12Z', 'M12.500 4a6 6 0 1 1-2.500 11.460a6 6 0 0 0 0-10.920A6 6 0 0 1 12.500 4Z'],
  edit: ['M3.500 16.500l1-4.500L13 3.500l3.500 3.500L8 15.500ZM11 5.500l3.500 3.500', ''],
  brush: ['M16 3l1.500 1.500-6.500 7-2-2ZM8.500 10.500c-3 0-2 4-5.500 5 3.500 2 7.500 1 7.500-3', ''],
  eraser: ['M8 16L3 11l8-8 6 6-7 7ZM6.500 7.500l6 6M8 16.500h9', ''],
  freehand: ['M3 13c2-7 5-9 6-4s2 6 4 3 2-4 4-4', ''],
  spline: ['M3 15C5 4 9 4 10 10s5 6 7-5', 'M2 13.500h2.500v2.500H2ZM8.700 8.700h2.600v2.600H8.700ZM15.500 3.500H18V6h-2.500Z'],
  sculpt: ['M2 15c5 0 4-4 8-4s3 4 8 4', 'M10 3a2.800 2.800 0 1 0 0 5.600a2.800 2.800 0 1 0 0-5.600Z'],
  cut: ['M14 3L7.500 13M6 3l6.500 10M5.500 13a2 2 0 1 0 0 4a2 2 0 1 0 0-4ZM14.500 13a2 2 0 1 0 0 4a2 2 0 1 0 0-4Z', ''],
  interpolate: ['M4 3h12M4 17h12M4 10h2M9 10h2M14 10h2', ''],
  remove: ['M4 6h12M8 6V3.500h4V6M6 6l.700 11h6.600L14 6M9 9v5M11 9v5', ''],
} as const satisfies Record<string, readonly [string, string]>;

export type Sign = keyof typeof SIGNS;

export function Icon({ sign }: { sign: Sign }) {
  const [line, solid] = SIGNS[sign];
  return (
    <svg className="sign" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
      {line !== '' && <path d={line} className="sign-line" />}
      {solid !== '' && <path d={solid} className="sign-solid" />}
    </svg>
  );
}
