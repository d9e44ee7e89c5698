import { useEffect, useMemo } from 'react';
import type { Manifest } from '../api/types';
import { useTexts } from '../i18n';
import { useRead } from '../ui/useRead';
import { framesOf } from '../viewer/frames';
import type { Tool } from '../viewer/interaction';
import { useDrawing } from '../viewer/useDrawing';
import { usePane } from '../viewer/usePane';
import { Viewport } from '../viewer/Viewport';
import type { Item } from './batch';

export const manifestPath = (study: string) => `/api/studies/${encodeURIComponent(study)}/manifest`;

const FIRST = { at: 0, preset: 'file' } as const;
const TOOL: Tool = 'window';

export function sourcesOf(item: Pick<Item, 'study_uid'>, manifest: Manifest) {
  const films = manifest.series.filter((series) => ['DX', 'CR', 'DR'].includes(series.modality));
  return films.flatMap((series) => framesOf(window.location.origin, item.study_uid, series));
}

interface Props {
  item: Item;
  note: string;
  /** The picture is on the screen, whole: now it may be decided on. */
  onShown: (study: string) => void;
}

/** One radiograph, filling the pane. Made anew for each study, so that no earlier picture stands under another name. */
export function Film({ item, note, onShown }: Props) {
  const { t } = useTexts();
  const manifest = useRead<Manifest>(manifestPath(item.study));
  const sources = useMemo(() => (manifest.data === null ? [] : sourcesOf(item, manifest.data)), [item, manifest.data]);
  const hands = useDrawing();
  const [host, state, controls] = usePane(sources, FIRST, TOOL, hands);
  const whole = state.painted !== null && !state.painted.reduced && state.trouble === null && state.broken === null;
  useEffect(() => {
    if (whole) onShown(item.study);
  }, [whole, item.study, onShown]);
  if (manifest.error !== null && manifest.data === null) return <p className="screen-empty" role="alert">{t('screen.noPicture')}</p>;
  return (
    <div className="stage">
      <Viewport host={host} state={state} frames={sources.map((source) => source.frame)} hands={hands} tool={TOOL} row={item} seriesLabel={item.description} lines={[]} selected={null} heatmap={null} onHeatMissing={() => undefined} aiNote={note} onGoTo={controls.goTo} />
    </div>
  );
}
