/** Mouse on the pane: what each button and the wheel do is data, so that a site can change it. */
import { MEASURE_KINDS, type MeasureKind } from './measure';

/** What a held button does to the picture. */
export type Movement = 'window' | 'pan' | 'zoom' | 'scroll' | 'rotate';
/** `edit` is the hand of the AI review (src/review). */
export type Tool = Movement | 'loupe' | 'edit' | MeasureKind;
export type Stroke = 'press' | 'move' | 'release';

/** Tools that draw on the picture. */
export const DRAWING: ReadonlySet<Tool> = new Set<Tool>(MEASURE_KINDS);
/** Tools that want the place of the hand, not its way. */
const PLACED: ReadonlySet<Tool> = new Set<Tool>([...MEASURE_KINDS, 'loupe', 'edit']);

/** What a person may give to a button that is held. */
export const HELD = ['window', 'scroll', 'pan', 'zoom'] as const;
export const WHEEL = ['scroll', 'zoom'] as const;

export interface Mouse {
  left: (typeof HELD)[number];
  middle: (typeof HELD)[number];
  right: (typeof HELD)[number];
  wheel: (typeof WHEEL)[number];
}

export const MOUSE: Mouse = { left: 'window', middle: 'pan', right: 'zoom', wheel: 'scroll' };

/** The buttons as they work now: the left one holds the tool in hand. */
export interface InHand extends Omit<Mouse, 'left'> {
  left: Tool;
}

export interface Gestures {
  /** Drag began with this tool. */
  begin: (tool: Tool) => void;
  /** Total movement since the drag began, and since the last call, in CSS pixels. */
  move: (tool: Tool, total: [number, number], step: [number, number]) => void;
  /** The hand of a drawing tool, at a place of the pane. */
  draw: (tool: Tool, stroke: Stroke, x: number, y: number) => void;
  /** Wheel turned by whole notches; `fast` with Ctrl. */
  wheel: (notches: number, fast: boolean) => void;
  hover: (x: number, y: number) => void;
  leave: () => void;
}

const NOTCH_PX = 40; // trackpads send many small deltas, mice one of 100 or so

export function notchesOf(accumulated: number, delta: number): { notches: number; rest: number } {
  const sum = Math.sign(accumulated) === -Math.sign(delta) ? delta : accumulated + delta;
  if (Math.abs(sum) < NOTCH_PX) return { notches: 0, rest: sum };
  return { notches: Math.sign(sum), rest: 0 };
}

export function attachMouse(element: HTMLElement, mouse: () => InHand, gestures: Gestures): () => void {
  let drag: { tool: Tool; id: number; x: number; y: number; lastX: number; lastY: number } | null = null;
  let rest = 0;

  function draw(event: PointerEvent, tool: Tool, stroke: Stroke): void {
    const box = element.getBoundingClientRect();
    gestures.draw(tool, stroke, event.clientX - box.left, event.clientY - box.top);
  }

  function down(event: PointerEvent): void {
    const tool = [mouse().left, mouse().middle, mouse().right][event.button];
    if (tool === undefined) return;
    event.preventDefault();
    // The browser's own moving of the focus is prevented with it: keys go to the picture, not to the tool just pressed.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    element.setPointerCapture(event.pointerId);
    drag = { tool, id: event.pointerId, x: event.clientX, y: event.clientY, lastX: event.clientX, lastY: event.clientY };
    if (PLACED.has(tool)) draw(event, tool, 'press');
    else gestures.begin(tool);
  }
  function move(event: PointerEvent): void {
    const box = element.getBoundingClientRect();
    gestures.hover(event.clientX - box.left, event.clientY - box.top);
    if (drag?.id !== event.pointerId) return;
    const { tool, x, y, lastX, lastY } = drag;
    if (PLACED.has(tool)) {
      draw(event, tool, 'move');
      return;
    }
    drag.lastX = event.clientX;
    drag.lastY = event.clientY;
    gestures.move(tool, [event.clientX - x, event.clientY - y], [event.clientX - lastX, event.clientY - lastY]);
  }
  function up(event: PointerEvent): void {
    if (drag?.id !== event.pointerId) return;
    if (PLACED.has(drag.tool)) draw(event, drag.tool, 'release');
    drag = null;
  }
  function wheel(event: WheelEvent): void {
    event.preventDefault();
    const delta = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * NOTCH_PX;
    const turned = notchesOf(rest, delta);
    rest = turned.rest;
    if (turned.notches !== 0) gestures.wheel(turned.notches, event.ctrlKey);
  }
  const noMenu = (event: Event) => event.preventDefault();
  const leave = () => gestures.leave();

  element.addEventListener('pointerdown', down);
  element.addEventListener('pointermove', move);
  element.addEventListener('pointerup', up);
  element.addEventListener('pointercancel', up);
  element.addEventListener('pointerleave', leave);
  element.addEventListener('wheel', wheel, { passive: false });
  element.addEventListener('contextmenu', noMenu);
  return () => {
    element.removeEventListener('pointerdown', down);
    element.removeEventListener('pointermove', move);
    element.removeEventListener('pointerup', up);
    element.removeEventListener('pointercancel', up);
    element.removeEventListener('pointerleave', leave);
    element.removeEventListener('wheel', wheel);
    element.removeEventListener('contextmenu', noMenu);
  };
}
