/**
 * The only module that knows Cornerstone3D (5.14). The rest sees a `Pane`: a picture area that shows
 * one frame of a stack, with a window, a zoom and a place, and says after every paint what it shows.
 */
import { cache, Enums, eventTarget, getShouldUseCPURendering, imageLoader, init as initCore, RenderingEngine, utilities, type Types } from '@cornerstonejs/core';
import { createImage, init as initLoader, wadors } from '@cornerstonejs/dicom-image-loader';
import { isNegative, paddingOf, shrunk, type FrameSource } from './frames';
import { turnedFit } from './fit';
import { choice, drawnByProcessor, graphics } from './graphics';
import { prefetch, type Prefetch } from './prefetch';
import type { Window } from './presets';
import type { Sampler } from './readings';
import { passed } from './timing';

const CACHE_BYTES = 1024 * 1024 * 1024;
const CACHE_FULL = 0.85;
const RETRY_MS = 2000;

/** What is on the screen right now. */
export interface Painted {
  index: number;
  /** Key of the frame on the screen; another series' while the one that was asked for is on its way. */
  frame: string;
  window: Window;
  /** By the reader, against what the file says. */
  inverted: boolean;
  /** High values are drawn dark: so wants MONOCHROME1, or the reader of another picture. */
  highIsDark: boolean;
  /** A smaller picture stands for the original, which is on its way. */
  reduced: boolean;
  /** Canvas pixels per image pixel. */
  scale: number;
  /** SVG matrix from (column, row), pixel centres at whole numbers, to the pane's CSS pixels. */
  matrix: [number, number, number, number, number, number];
}

export interface PaneEvents {
  onPaint: (painted: Painted) => void;
  /** A frame was asked for (`index`) and is `loading`, shown small (`reduced`) or whole (`done`), or could not be had (`failed`). */
  onFrame: (index: number, state: 'loading' | 'reduced' | 'done' | 'failed') => void;
  onLoaded: (index: number) => void;
}

/** How the picture is turned: flipped first, then turned clockwise, degrees. */
export interface Turn {
  rotation: number;
  flipHorizontal: boolean;
  flipVertical: boolean;
}

export const UNTURNED: Turn = { rotation: 0, flipHorizontal: false, flipVertical: false };

export interface Pane {
  open: (sources: FrameSource[], at: number, window: Window | null, turn: Turn) => Promise<void>;
  goTo: (index: number) => void;
  setWindow: (window: Window | null) => void;
  setInverted: (inverted: boolean) => void;
  zoomBy: (factor: number) => void;
  panBy: (dx: number, dy: number) => void;
  turn: (turn: Turn) => void;
  reset: () => void;
  resize: () => void;
  /** The values of the original on the screen; null while a reduced one or none is there, or in colour. */
  sampler: () => Sampler | null;
  close: () => void;
}

let started: Promise<RenderingEngine> | null = null; // Cornerstone itself is one per page

function start(): Promise<RenderingEngine> {
  started ??= Promise.resolve().then(() => {
    // One graphics context for all panes: the default of seven is what integrated graphics lose.
    const useCPURendering = drawnByProcessor(choice(), () => graphics().card);
    initCore({ rendering: { webGlContextCount: 1, useCPURendering }, debug: {} });
    // A frame by itself: in a multipart answer the loader would look at every byte for its end.
    initLoader({ strict: false, beforeSend: () => Promise.resolve({ Accept: 'application/octet-stream; transfer-syntax=*' }) });
    cache.setMaxCacheSize(CACHE_BYTES);
    return new RenderingEngine('xinglin');
  });
  return started;
}

/** A frame as it was encoded: the bytes of one frame and their transfer syntax. */
export interface FrameBytes {
  bytes: Uint8Array;
  syntax: string;
}

/** A second source of frames beside DICOMweb: image ids that begin with `scheme:` are read by `load`. */
export function provideFrames(scheme: string, load: (imageId: string) => Promise<FrameBytes>): void {
  imageLoader.registerImageLoader(scheme, (imageId: string) => ({
    promise: load(imageId).then(({ bytes, syntax }) => {
      passed('pane:bytes');
      return createImage(imageId, bytes, syntax, {}) as Promise<Types.IImage>;
    }),
  }));
}

/** The smallest HTJ2K picture (8 x 8). */
const TINY =
  '/0//UQApQAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABDwEB/1AACAACAAAACf9SAAwAAgABAAEEBEAB/1wAByCIiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAFMAAf+TwAAunP9/X/tr/0v11/4bfYw/Mv9rvhi/Yn8Pv6yPwePpve8A9ZdCADG4AMAAKiAAFWAIgiCqcIJ1AE46ceLkwEIB7LYA/9k=';
const HTJ2K = '1.2.840.10008.1.2.4.201';

/** Start what the first picture would wait for: drawing, and the decoder with its WebAssembly. */
export async function warmUp(): Promise<void> {
  await start();
  const element = (vr: string, ...Value: (string | number)[]) => ({ vr, Value });
  const metadata = {
    '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.2'), '00080060': element('CS', 'CT'), '00280002': element('US', 1), '00280004': element('CS', 'MONOCHROME2'),
    '00280010': element('US', 8), '00280011': element('US', 8), '00280100': element('US', 16), '00280101': element('US', 16),
    '00280102': element('US', 15), '00280103': element('US', 0),
  };
  wadors.metaDataManager.add('tiny:1', metadata as never);
  await createImage('tiny:1', Uint8Array.from(atob(TINY), (one) => one.charCodeAt(0)), HTJ2K, {});
}

function windowOf(range: { lower: number; upper: number } | undefined): Window {
  if (range === undefined) return { width: 1, centre: 0 };
  const { windowWidth, windowCenter } = utilities.windowLevel.toWindowLevel(range.lower, range.upper);
  return { width: windowWidth, centre: windowCenter };
}

const firstOf = (value: number | number[] | undefined) => (Array.isArray(value) ? value[0] : value);

/** The window that the image states; where it states none, all its values. */
function fileWindow(image: Types.IImage): Window {
  const width = firstOf(image.windowWidth);
  const centre = firstOf(image.windowCenter);
  if (width !== undefined && centre !== undefined && width >= 1) return { width, centre };
  const scaled = image.preScale?.scaled === true;
  const low = scaled ? image.minPixelValue : image.minPixelValue * image.slope + image.intercept;
  const high = scaled ? image.maxPixelValue : image.maxPixelValue * image.slope + image.intercept;
  return { width: Math.max(1, high - low), centre: (high + low) / 2 };
}

function matrixOf(viewport: Types.IStackViewport): Painted['matrix'] | null {
  const data = viewport.getImageData() as Types.IImageData | Types.CPUIImageData | undefined;
  const toWorld = data?.imageData.indexToWorld?.bind(data.imageData) as ((index: Types.Point3) => Types.Point3) | undefined;
  if (data === undefined || toWorld === undefined) return null;
  // Drawing by CPU lays whole indices on the corners of pixels, WebGL on their centres.
  const half = getShouldUseCPURendering() ? 0.5 : 0;
  const at = (column: number, row: number) => viewport.worldToCanvas(toWorld([column + half, row + half, 0]));
  // Far-apart points, so that rounding does not grow into the scale.
  const [columns, rows] = data.dimensions;
  const [o, x, y] = [at(0, 0), at(columns, 0), at(0, rows)];
  return [(x[0] - o[0]) / columns, (x[1] - o[1]) / columns, (y[0] - o[0]) / rows, (y[1] - o[1]) / rows, o[0], o[1]];
}

/** The same matrix for pixels of the original: a reduced one covers a block of `factor` by `factor` of them. */
function ofOriginal([a, b, c, d, e, f]: Painted['matrix'], factor: number): Painted['matrix'] {
  const by = 1 / factor;
  const shift = (by - 1) / 2;
  return [a * by, b * by, c * by, d * by, e + (a + c) * shift, f + (b + d) * shift];
}

class StackPane implements Pane {
  private readonly viewport: Types.IStackViewport;
  private ids: string[] = [];
  private keys: ReadonlyMap<string, string> = new Map();
  private negatives: ReadonlySet<string> = new Set();
  private inverted = false;
  private wanted = 0;
  private voi: Window | null = null;
  private ahead: Prefetch | null = null;
  private round = 0;
  private closed = false;
  /** Of the picture on the screen; 1 for originals. */
  private factor = 1;
  /** Where the reader went while only a reduced picture was here. */
  private later: number | null = null;
  private turned = UNTURNED;
  /** The reader has moved or zoomed the picture: a new size of the pane keeps what is seen. */
  private moved = false;
  private values: { imageId: string; sampler: Sampler } | null = null;
  private sources: FrameSource[] = [];

  constructor(
    private readonly engine: RenderingEngine,
    private readonly name: string,
    private readonly element: HTMLDivElement,
    private readonly events: PaneEvents,
  ) {
    engine.enableElement({ viewportId: name, element, type: Enums.ViewportType.STACK, defaultOptions: { background: [0, 0, 0] } });
    this.viewport = engine.getViewport<Types.IStackViewport>(name);
    element.addEventListener(Enums.Events.IMAGE_RENDERED, this.painted);
  }

  private readonly painted = (): void => {
    if (this.closed || this.ids.length === 0) return;
    const shown = matrixOf(this.viewport);
    if (shown === null) return;
    const matrix = ofOriginal(shown, this.factor);
    const { voiRange } = this.viewport.getProperties();
    this.events.onPaint({
      index: this.factor > 1 ? this.wanted : this.viewport.getCurrentImageIdIndex(),
      frame: this.keys.get(this.viewport.getCurrentImageId()) ?? '',
      window: windowOf(voiRange),
      inverted: this.inverted,
      highIsDark: this.highIsDark(),
      reduced: this.factor > 1,
      scale: Math.hypot(matrix[0], matrix[1]),
      matrix,
    });
  };

  async open(sources: FrameSource[], at: number, voi: Window | null, turn: Turn): Promise<void> {
    const round = ++this.round;
    this.turned = turn;
    this.ahead?.stop();
    const ids = sources.map((source) => source.frame.imageId);
    for (const source of sources) wadors.metaDataManager.add(source.frame.imageId, source.metadata as never);
    this.wanted = at;
    const first = ids[at];
    if (first === undefined) return;
    this.events.onFrame(at, 'loading');
    passed('pane:opened');
    await this.small(sources[at], voi, round);
    // What was on the screen stays until the first picture of the new series is here.
    while (!(await this.had(first))) {
      if (this.stale(round)) return;
      this.events.onFrame(at, 'failed');
      await new Promise((resolve) => window.setTimeout(resolve, RETRY_MS));
    }
    if (this.stale(round)) return;
    passed('pane:decoded');
    this.ids = ids;
    this.sources = sources;
    this.inverted = false;
    this.keys = new Map(sources.map(({ frame }) => [frame.imageId, frame.key]));
    this.negatives = new Set(sources.filter(({ metadata }) => isNegative(metadata)).map(({ frame }) => frame.imageId));
    this.factor = 1;
    this.moved = false;
    await this.viewport.setStack(ids, at);
    passed('pane:stacked');
    if (this.stale(round)) return;
    this.applyTurn();
    this.setWindow(voi);
    this.events.onLoaded(at);
    this.events.onFrame(at, 'done');
    const { later } = this;
    this.later = null;
    this.ahead = prefetch(
      {
        count: ids.length,
        load: (index) => imageLoader.loadAndCacheImage(ids[index] ?? '', { requestType: Enums.RequestType.Prefetch, priority: 0 }),
        room: () => cache.getCacheSize() < CACHE_BYTES * CACHE_FULL,
        onLoaded: (index) => {
          this.events.onLoaded(index);
          // The frame that the reader waits for, after it had failed: show it now.
          if (index === this.wanted && index !== this.viewport.getCurrentImageIdIndex()) void this.show(index, ids[index] ?? '', round);
        },
      },
      at,
    );
    if (later !== null) this.goTo(later);
  }

  /** Show the reduced form of a frame whose original is large and not here yet; without one nothing happens. */
  private async small(source: FrameSource | undefined, voi: Window | null, round: number): Promise<void> {
    if (source?.reduced === undefined || cache.getImage(source.frame.imageId) !== undefined) return;
    const { imageId, factor } = source.reduced;
    wadors.metaDataManager.add(imageId, shrunk(source.metadata, factor) as never);
    if (!(await this.had(imageId)) || this.stale(round)) return;
    this.ids = [imageId];
    this.keys = new Map([[imageId, source.frame.key]]);
    this.negatives = new Set(isNegative(source.metadata) ? [imageId] : []);
    this.inverted = false;
    this.factor = factor;
    await this.viewport.setStack([imageId], 0);
    if (this.stale(round)) return;
    this.applyTurn();
    this.setWindow(voi);
    this.events.onFrame(this.wanted, 'reduced');
  }

  private async had(id: string): Promise<boolean> {
    try {
      await imageLoader.loadAndCacheImage(id);
      return true;
    } catch {
      return false;
    }
  }

  private stale(round: number): boolean {
    return this.closed || round !== this.round;
  }

  goTo(index: number): void {
    if (this.factor > 1) {
      this.later = index;
      return;
    }
    const to = Math.min(Math.max(index, 0), this.ids.length - 1);
    const id = this.ids[to];
    if (id === undefined || to === this.wanted) return;
    this.wanted = to;
    this.ahead?.recentre(to);
    void this.show(to, id, this.round);
  }

  private async show(index: number, id: string, round: number): Promise<void> {
    // Also one that is on its way already: what is shown is not what was asked for.
    if (cache.getImage(id) === undefined) this.events.onFrame(index, 'loading');
    const had = await this.had(id);
    if (this.stale(round)) return;
    if (!had) {
      if (this.wanted === index) this.events.onFrame(index, 'failed');
      return;
    }
    this.events.onLoaded(index);
    if (this.wanted !== index) return; // the eye has moved on; the frame stays in the cache
    await this.viewport.setImageIdIndex(index);
    // Drawing by CPU falls back to the file's own window on every new image.
    if (this.voi !== null) this.setWindow(this.voi);
    if (!this.stale(round) && this.wanted === index) this.events.onFrame(index, 'done');
  }

  setWindow(window: Window | null): void {
    const image = this.viewport.getCornerstoneImage() as Types.IImage | undefined;
    const next = window ?? (image === undefined ? null : fileWindow(image));
    if (next === null) return;
    this.voi = next;
    this.viewport.setProperties({ voiRange: utilities.windowLevel.toLowHighRange(next.width, next.centre) });
    this.viewport.render();
  }

  /** What the file wants, and what the reader made of it; Cornerstone's own `invert` is not that of the screen when it draws by CPU. */
  private highIsDark(): boolean {
    return this.inverted !== this.negatives.has(this.viewport.getCurrentImageId());
  }

  setInverted(inverted: boolean): void {
    this.inverted = inverted;
    this.viewport.setProperties({ invert: this.highIsDark() });
    this.viewport.render();
  }

  zoomBy(factor: number): void {
    this.moved = true;
    this.viewport.setZoom(Math.min(Math.max(this.viewport.getZoom() * factor, 0.2), 20));
    this.viewport.render();
  }

  panBy(dx: number, dy: number): void {
    this.moved = true;
    if (getShouldUseCPURendering()) {
      // Its own `setPan` takes the way for a place in the patient when it draws by CPU.
      const { clientWidth, clientHeight } = this.element;
      this.viewport.setCamera({ focalPoint: this.viewport.canvasToWorld([clientWidth / 2 - dx, clientHeight / 2 - dy]) });
    } else {
      const [x, y] = this.viewport.getPan();
      this.viewport.setPan([x + dx, y + dy]);
    }
    this.viewport.render();
  }

  turn(turn: Turn): void {
    this.turned = turn;
    if (!this.moved) this.viewport.resetCamera();
    this.applyTurn();
    this.viewport.render();
  }

  /** The scene is turned, not the pixels: what is drawn over the picture follows by its matrix. */
  private applyTurn(): void {
    const { rotation, flipHorizontal, flipVertical } = this.turned;
    this.viewport.setCamera({ flipHorizontal, flipVertical });
    this.viewport.setViewPresentation({ rotation });
    if (!this.moved) this.fitTurned(rotation);
  }

  /** After `resetCamera`: WebGL counts zoom from the upright fit, CPU in canvas pixels. */
  private fitTurned(rotation: number): void {
    const data = this.viewport.getImageData() as Types.IImageData | Types.CPUIImageData | undefined;
    if (data === undefined) return;
    const [columns, rows] = data.dimensions;
    const [right, down] = data.spacing;
    this.viewport.setZoom(this.viewport.getZoom() * turnedFit([columns * right, rows * down], [this.element.clientWidth, this.element.clientHeight], rotation));
  }

  reset(): void {
    this.moved = false;
    this.turned = UNTURNED;
    this.applyTurn();
    this.viewport.resetCamera();
    // Its own `resetProperties` would leave a MONOCHROME1 picture in the wrong polarity.
    this.inverted = false;
    this.viewport.setProperties({ invert: this.highIsDark() });
    this.viewport.render();
  }

  resize(): void {
    if (this.closed) return;
    this.engine.resize(true, true);
    // Keeping the camera keeps the height in view: a narrower pane would cut the sides off.
    if (this.moved || this.ids.length === 0) return;
    this.viewport.resetCamera();
    this.applyTurn();
    this.viewport.render();
  }

  sampler(): Sampler | null {
    const image = this.viewport.getCornerstoneImage() as Types.IImage | undefined;
    if (image === undefined || image.color || this.ids.length === 0 || this.factor > 1) return null;
    if (this.values?.imageId === image.imageId) return this.values.sampler;
    const { columns, rows, slope, intercept, voxelManager } = image;
    const scaled = image.preScale?.scaled === true;
    const source = this.sources.find(({ frame }) => frame.imageId === image.imageId);
    const padding = source === undefined ? null : paddingOf(source.metadata);
    const at = (column: number, row: number) => {
      const stored = voxelManager?.getAtIndex(row * columns + column);
      if (typeof stored !== 'number') return null;
      const value = scaled ? stored : stored * slope + intercept;
      if (padding === null) return value;
      const raw = (value - intercept) / slope;
      return raw >= padding[0] && raw <= padding[1] ? null : value;
    };
    this.values = { imageId: image.imageId, sampler: { columns, rows, at } };
    return this.values.sampler;
  }

  close(): void {
    this.closed = true;
    this.ahead?.stop();
    this.element.removeEventListener(Enums.Events.IMAGE_RENDERED, this.painted);
    this.engine.disableElement(this.name);
  }
}

/** Fetch and decode frames that will be wanted soon. Rejects when one cannot be had. */
export async function preload(sources: readonly FrameSource[]): Promise<void> {
  await start();
  for (const source of sources) wadors.metaDataManager.add(source.frame.imageId, source.metadata as never);
  await Promise.all(sources.map((source) => imageLoader.loadAndCacheImage(source.frame.imageId, { requestType: Enums.RequestType.Prefetch, priority: 0 })));
}

let panes = 0;

/** A pane in `element`. Rejects when the PC can draw neither by WebGL nor by CPU. */
export async function createPane(element: HTMLDivElement, events: PaneEvents): Promise<Pane> {
  const engine = await start();
  panes += 1;
  return new StackPane(engine, `pane-${panes}`, element, events);
}

/** How pictures are drawn here; shown on the page, because old PCs lose WebGL. */
export function renderer(): 'webgl' | 'cpu' {
  return getShouldUseCPURendering() ? 'cpu' : 'webgl';
}

/** Calls back when the graphics context is lost (integrated graphics do that). */
export function onContextLost(callback: () => void): () => void {
  const listener = () => callback();
  eventTarget.addEventListener(Enums.Events.WEBGL_CONTEXT_LOST, listener);
  return () => eventTarget.removeEventListener(Enums.Events.WEBGL_CONTEXT_LOST, listener);
}
