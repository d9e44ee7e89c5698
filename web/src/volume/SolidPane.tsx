/** The thorax in three dimensions in the fourth place: surfaces or densities, or why this PC cannot. Nothing diagnostic depends on it. */
import { Button } from 'antd';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTexts } from '../i18n';
import { lettersOf, type FrameSource } from '../viewer/frames';
import type { Scene, Surface } from '../viewer/solidScene';
import type { Grid, Vector } from './grid';
import type { Volume } from './reslice';
import { blocksOf, densities, PARTS, partOf, smallGrid, softened, within, type Part, type Small, type Solids } from './solid';

const LOOK: Record<Part, { colour: readonly [number, number, number]; opacity: number }> = {
  lungs: { colour: [0.62, 0.75, 0.85], opacity: 0.16 },
  airways: { colour: [0.45, 0.8, 0.95], opacity: 0.9 },
  vessels: { colour: [0.8, 0.3, 0.3], opacity: 0.9 },
  lesions: { colour: [1, 0.69, 0], opacity: 1 },
};
/** From the front, a little from above; from which side, and what is up. */
const SIDES: Record<'front' | 'left' | 'back', [Vector, Vector]> = { front: [[0, -1, 0], [0, 0, 1]], left: [[1, 0, 0], [0, 0, 1]], back: [[0, 1, 0], [0, 0, 1]] };

export type SolidWay = 'surface' | 'density';

function placeOf(volume: Volume, order: readonly number[], sources: readonly FrameSource[], solids: Solids | null): { small: Small; labels: Solids | null } | null {
  const at = (sop: string | undefined) => order.findIndex((index) => sources[index]?.frame.key === `${sop ?? ''}/1`);
  const [first, last] = solids === null ? [-1, -1] : [at(solids.planes[0]), at(solids.planes.at(-1))];
  const labelled = solids === null || first < 0 || last < 0 ? null : smallGrid(volume.grid, solids.block, solids.size, first, last);
  if (labelled !== null) return { small: labelled, labels: solids };
  const block = blocksOf(volume.grid);
  const size = volume.grid.size.map((count, axis) => Math.ceil(count / (block[axis] ?? 1))) as unknown as Vector;
  const plain = smallGrid(volume.grid, block, size, 0, volume.grid.size[2] - 1);
  return plain === null ? null : { small: plain, labels: null };
}

function show(scene: Scene, way: SolidWay, parts: ReadonlySet<Part>, grid: Grid, values: Int16Array, labels: Solids | null): void {
  if (way === 'density' || labels === null) scene.density(grid, labels === null ? values : within(values, labels.labels));
  else scene.surfaces(grid, PARTS.filter((part) => parts.has(part)).map((part): Surface => ({ field: softened(grid.size, partOf(part, labels, values), part !== 'lungs'), ...LOOK[part] })));
}

type State = 'asking' | 'slow' | 'none' | 'drawing' | 'lost' | 'failed';

interface Props {
  volume: Volume;
  order: readonly number[];
  sources: readonly FrameSource[];
  solids: Solids | null | undefined;
}

export default function SolidPane({ volume, order, sources, solids }: Props) {
  const { t } = useTexts();
  const host = useRef<HTMLDivElement>(null);
  const scene = useRef<Scene | null>(null);
  const [state, setState] = useState<State>('asking');
  const [renderer, setRenderer] = useState('');
  const [anyway, setAnyway] = useState(false);
  const [chosen, setWay] = useState<SolidWay>('surface');
  const [parts, setParts] = useState<ReadonlySet<Part>>(new Set<Part>(PARTS));
  const [letters, setLetters] = useState<{ right: string; top: string } | null>(null);
  const place = useMemo(() => (solids === undefined ? null : placeOf(volume, order, sources, solids)), [volume, order, sources, solids]);
  const values = useMemo(() => (place === null ? null : densities(volume, place.small)), [volume, place]);
  const way = place?.labels === null ? 'density' : chosen;

  useEffect(() => {
    const element = host.current;
    if (element === null || place === null) return;
    const mine = new AbortController();
    const gone = () => mine.signal.aborted;
    const observer = new ResizeObserver(() => scene.current?.resize());
    import('../viewer/solidScene')
      .then(({ createScene, drawing3d }) => {
        if (gone()) return;
        const found = drawing3d();
        setRenderer(found.renderer);
        if (found.can === 'none' || (found.can === 'slow' && !anyway)) {
          setState(found.can);
          return;
        }
        scene.current = createScene(element, () => setState('lost'), (right, up) => setLetters({ right: lettersOf([...right]), top: lettersOf([...up]) }));
        observer.observe(element);
        setState('drawing');
      })
      .catch(() => {
        if (!gone()) setState('failed');
      });
    return () => {
      mine.abort();
      observer.disconnect();
      scene.current?.close();
      scene.current = null;
    };
  }, [place, anyway]);

  const looked = useRef(false);
  useEffect(() => {
    if (state !== 'drawing' || scene.current === null || place === null || values === null) return;
    try {
      show(scene.current, way, parts, place.small.grid, values, place.labels);
      if (!looked.current) scene.current.look(...SIDES.front);
      looked.current = true;
      if (host.current !== null) host.current.dataset.drawn = way;
    } catch (error) {
      setState('failed');
      if (!(error instanceof Error)) throw error;
    }
  }, [state, way, parts, place, values]);

  const toggle = (part: Part) => setParts((old) => new Set(old.has(part) ? [...old].filter((one) => one !== part) : [...old, part]));
  const { block, grid } = place?.small ?? { block: null, grid: null };
  return (
    <div className="solid" data-testid="solid" data-state={state}>
      <div className="solid-scene" ref={host} role="img" aria-label={t('solid.title')} />
      {state === 'drawing' ? (
        <>
          <div className="solid-tools">
            {place?.labels !== null && (
              <button type="button" className="tool" aria-pressed={way === 'density'} onClick={() => setWay(way === 'density' ? 'surface' : 'density')} data-testid="solid-way">
                {t(way === 'density' ? 'solid.density' : 'solid.surface')}
              </button>
            )}
            {way === 'surface' &&
              PARTS.map((part) => (
                <button key={part} type="button" className={`tool solid-${part}`} aria-pressed={parts.has(part)} onClick={() => toggle(part)}>
                  {t(`solid.${part}`)}
                </button>
              ))}
            {(['front', 'left', 'back'] as const).map((side) => (
              <button key={side} type="button" className="tool" onClick={() => scene.current?.look(...SIDES[side])}>
                {t(`solid.${side}`)}
              </button>
            ))}
          </div>
          <p className="solid-note">
            {t('solid.notDiagnostic', { block: block === null ? '' : [...block].join('×'), mm: grid === null ? '' : grid.spacingMm.map((mm) => mm.toFixed(1)).join(' × ') })}
            {place?.labels === null && ` ${t('solid.noLabels')}`}
          </p>
          {letters !== null && (
            <>
              <span className="edge edge-r">{letters.right}</span>
              <span className="edge edge-t">{letters.top}</span>
            </>
          )}
        </>
      ) : (
        <div className="state" role="status">
          <p>{t(`solid.state.${state}`)}</p>
          {renderer !== '' && <p className="muted">{renderer}</p>}
          {state === 'slow' && (
            <Button onClick={() => setAnyway(true)} data-testid="solid-anyway">
              {t('solid.anyway')}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
