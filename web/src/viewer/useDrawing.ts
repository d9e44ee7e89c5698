/** What is drawn on a study's pictures, shared by all its panes. */
import { useReducer, type Dispatch } from 'react';
import type { KeptDrawings } from '../measured/useMeasured';
import type { Stroke } from './interaction';
import { draw, NOTHING_DRAWN, type Drawing, type DrawStep, type Point } from './measure';

/** The hand of the AI review: where on which frame, in image coordinates. */
export type EditStroke = (stroke: Stroke | 'hover', place: { frame: string; at: Point; scale: number }) => void;

export interface Hands {
  drawing: Drawing;
  step: Dispatch<DrawStep>;
  /** Serves the tool `edit`. */
  edit?: EditStroke;
  /** What the server has: others' drawings, and its numbers of one's own. */
  kept?: KeptDrawings;
}

export function useDrawing(): Hands {
  const [drawing, step] = useReducer(draw, NOTHING_DRAWN);
  return { drawing, step };
}

const ID_BYTES = 8;

/** A name for a new measurement; `crypto.randomUUID` would want a secure context. */
export function freshId(): string {
  return [...crypto.getRandomValues(new Uint8Array(ID_BYTES))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
