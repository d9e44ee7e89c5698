/** The reading area while the planes are open: their toolbar and the planes, over the stack, which waits as it was. */
import { lazy, Suspense, useCallback, useMemo, type ReactNode } from 'react';
import type { Lesion, OutlineLine, Study } from '../api/types';
import { useTexts } from '../i18n';
import { baseOf, type Shown, type StudyPictures } from '../study/pictures';
import { ToolButton } from '../study/ToolButton';
import { fixed } from '../ui/format';
import { Loading } from '../ui/states';
import type { Tool } from '../viewer/interaction';
import { valueUnit } from '../viewer/Measures';
import { firstPreset } from '../viewer/presets';
import { FusionFacts, FusionTools, useHot, useMix } from './Fusion';
import { patientAt, type Grid } from './grid';
import type { Mpr } from './mpr';
import type { MprDesk } from './useMpr';
import { usePet } from './usePet';
import { useSolids } from './useSolids';
import { VolumeBar } from './VolumeBar';
import './volume.css';

const MprView = lazy(() => import('./MprView'));
const SolidPane = lazy(() => import('./SolidPane'));

interface Props {
  desk: MprDesk;
  study: Study;
  /** The series that is looked at; null while it is on its way. */
  looked: Shown | null;
  of: StudyPictures | null;
  aiShown: boolean;
  left: Tool;
  onLeft: (tool: Tool) => void;
  lesions: readonly Lesion[];
  selected: number | null;
}

/** Opens the planes; not there for a single picture. */
export function MprButton({ desk, looked }: Pick<Props, 'desk' | 'looked'>) {
  const { t } = useTexts();
  if (looked === null || looked.sources.length < 2) return null;
  return (
    <div className="group reading-only">
      <ToolButton keyName="⇧M" sign="mpr" label={t('mpr.open')} onClick={desk.toggle} />
    </div>
  );
}

/** Where the planes cross, and what a reformation is not. */
function Facts({ grid, state, children }: { grid: Grid; state: Mpr; children: ReactNode }) {
  const { t } = useTexts();
  return (
    <div className="plane-facts">
      <p className="muted">{t('mpr.crossing')}</p>
      <p className="num" data-testid="crossing-mm">{patientAt(grid, state.cross).map((value) => fixed(value, 1)).join('   ')}</p>
      <p className="muted">{t('mpr.note', { n: grid.size[2] })}</p>
      {children}
    </div>
  );
}

const NO_LINES: never[] = [];

function Opened({ desk, study, looked, of, aiShown, left, onLeft, lesions, selected }: Props & { looked: Shown; of: StudyPictures }) {
  const { t } = useTexts();
  const chosen = looked.prior ? undefined : lesions.find((lesion) => lesion.id === selected);
  const focus = useMemo(() => (chosen === undefined ? null : { at: chosen.centroid_mm }), [chosen]);
  const lines = aiShown ? of.outlines?.lines : undefined;
  const linesOf = useCallback((frame: string): readonly OutlineLine[] => lines?.[frame] ?? NO_LINES, [lines]);
  const { modality, number, description } = looked.series;
  const pet = usePet(study, of, desk.fusion);
  const { mix, blend, top } = useMix(desk.fusion);
  const hot = useHot(pet, desk.fusion, looked.sources[0]?.frame.frameOfReference ?? '', mix);
  const solids = useSolids(desk.solid && !looked.prior ? `${baseOf(study.row.study)}/solids` : null);
  const title = [of.row.patient_name, of.row.patient_id, `${looked.prior ? `${t(of.mark)} · ` : ''}${modality} ${number ?? ''} ${description}`];
  return (
    <div className="volume-stage">
      <VolumeBar desk={desk} modality={modality} left={left} onLeft={onLeft}>
        {modality === 'CT' && (
          <div className="group">
            <ToolButton on={desk.solid} keyName="⇧G" sign="solid" label={t('solid.open')} onClick={desk.toggleSolid} />
          </div>
        )}
        {modality === 'CT' && <FusionTools desk={desk} mix={mix} onBlend={blend} onTop={top} suv={hot.state === 'on' && hot.suv} />}
      </VolumeBar>
      <Suspense fallback={<Loading label={t('state.loadingImages')} />}>
        <MprView
          sources={looked.sources} preset={firstPreset(modality)} left={left} title={title} unit={valueUnit(modality)} linesOf={linesOf} selected={selected} focus={focus} hot={hot.state === 'on' ? hot.hot : null} onHandle={desk.onHandle} onClose={desk.close} fourth={(grid, state, volume, order) =>
            desk.solid ? (
              <Suspense fallback={<Loading label={t('solid.state.asking')} />}>
                <SolidPane volume={volume} order={order} sources={looked.sources} solids={solids} />
              </Suspense>
            ) : (
            <Facts grid={grid} state={state}>
              <FusionFacts state={hot} grid={grid} />
            </Facts>
            )
          } />
      </Suspense>
    </div>
  );
}

export function VolumeStage(props: Props) {
  const { desk, looked, of } = props;
  return desk.open && looked !== null && of !== null ? <Opened {...props} looked={looked} of={of} /> : null;
}
