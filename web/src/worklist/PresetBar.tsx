import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { useTexts } from '../i18n';
import { filtersOf, narrowed, searchOf, type Filters } from './filters';
import { isPreset, presetQuery, type Presets } from './presets';

const PresetDialog = lazy(() => import('./PresetDialog').then((module) => ({ default: module.PresetDialog })));

interface Props {
  presets: Presets;
  filters: Filters;
  onChange: (next: Filters) => void;
  /** Undefined where this person reads no radiographs. */
  onScreening: (() => void) | undefined;
}

/** Named filters as chips, and what is done with the list as a whole. */
export function PresetBar({ presets, filters, onChange, onScreening }: Props) {
  const { t } = useTexts();
  const [dialog, setDialog] = useState<{ fresh: string | null } | null>(null);
  const shown = presets.kept?.presets ?? [];
  const query = presetQuery(filters);
  const savable = query !== '' && !shown.some((preset) => isPreset(preset, filtersOf(query)));
  return (
    <div className="presets" role="group" aria-label={t('preset.list')}>
      <button type="button" className="preset" aria-pressed={searchOf(filters) === ''} onClick={() => onChange({})}>
        {t('preset.all')}
      </button>
      {shown.map((preset, index) => (
        <button key={preset.name} type="button" className="preset" aria-pressed={isPreset(preset, filters)} onClick={() => onChange(filtersOf(preset.query))} title={preset.standard ? t('preset.isStandard') : preset.query} data-testid="preset">
          {preset.standard && <i aria-hidden="true">★</i>}
          {preset.name}
          {index < 5 && <kbd>{index + 1}</kbd>}
        </button>
      ))}
      {savable && (
        <button type="button" className="link-button" onClick={() => setDialog({ fresh: query })} data-testid="preset-save">
          + {t('preset.save')}
        </button>
      )}
      {shown.length > 0 && (
        <button type="button" className="link-button" onClick={() => setDialog({ fresh: null })} data-testid="preset-manage">
          {t('preset.manage')}
        </button>
      )}
      <span className="spacer" />
      {narrowed(filters) && (
        <Button type="text" size="small" onClick={() => onChange({ sort: filters.sort })} data-testid="clear">
          {t('filter.clear')}
        </Button>
      )}
      {onScreening !== undefined && (
        <Button size="small" onClick={onScreening} data-testid="screening">
          {t('screen.open')} <kbd>S</kbd>
        </Button>
      )}
      {dialog !== null && presets.kept !== null && (
        <Suspense fallback={null}>
          <PresetDialog presets={presets} kept={presets.kept} fresh={dialog.fresh} onClose={() => setDialog(null)} />
        </Suspense>
      )}
    </div>
  );
}
