import { Button, Checkbox, Input, Modal } from 'antd';
import { useState } from 'react';
import { ServerRefused } from '../api/client';
import { useTexts } from '../i18n';
import { useFailureText } from '../ui/states';
import { withStandard, type Kept, type Preset, type Presets } from './presets';

interface Props {
  presets: Presets;
  kept: Kept;
  /** Query of a preset to add; null to change what is there. */
  fresh: string | null;
  onClose: () => void;
}

const CONFLICT = 'E6016';

export function PresetDialog({ presets, kept, fresh, onClose }: Props) {
  const { t } = useTexts();
  const textOf = useFailureText();
  const [mine, setMine] = useState<Preset[]>(fresh === null ? kept.presets : [...kept.presets, { name: '', query: fresh, standard: false }]);
  const [madeOn, setMadeOn] = useState(kept.version);
  const [error, setError] = useState<unknown>(null);
  const [theirs, setTheirs] = useState<Kept | null>(null);
  const [busy, setBusy] = useState(false);
  const change = (at: number, part: Partial<Preset>) => setMine(mine.map((preset, index) => (index === at ? { ...preset, ...part } : preset)));
  const complete = mine.every((preset) => preset.name.trim() !== '') && new Set(mine.map((preset) => preset.name.trim())).size === mine.length;
  const save = async () => {
    setBusy(true);
    try {
      await presets.save(mine, madeOn);
      onClose();
    } catch (failure) {
      setError(failure);
      if (failure instanceof ServerRefused && failure.said.code === CONFLICT) {
        // Both are shown; saving again replaces the other deliberately.
        const now = await presets.refresh().catch(() => null);
        setTheirs(now);
        if (now !== null) setMadeOn(now.version);
      }
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal open title={fresh === null ? t('preset.manage') : t('preset.save')} onCancel={onClose} footer={null} width={560}>
      <form
        className="form preset-form"
        data-testid="preset-dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (complete && !busy) void save();
        }}
      >
        {mine.map((preset, index) => (
          <div key={index} className="preset-line">
            <Input value={preset.name} maxLength={40} autoFocus={fresh !== null && index === mine.length - 1} placeholder={t('preset.name')} aria-label={t('preset.name')} onChange={(event) => change(index, { name: event.target.value })} data-testid="preset-name" />
            <Checkbox checked={preset.standard} onChange={(event) => setMine(withStandard(mine, index, event.target.checked))}>
              {t('preset.standard')}
            </Checkbox>
            <Button type="text" onClick={() => setMine(mine.filter((_, other) => other !== index))} aria-label={t('preset.removeNamed', { name: preset.name })}>
              {t('preset.remove')}
            </Button>
          </div>
        ))}
        <p className="muted">{t('preset.noPerson')}</p>
        {error !== null && (
          <p className="note-warn" role="alert">
            {textOf(error)}
            {theirs !== null && <> {t('preset.theirs', { names: theirs.presets.map((preset) => preset.name).join(' · ') || '—' })}</>}
          </p>
        )}
        <div className="form-end">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="primary" htmlType="submit" disabled={!complete} loading={busy} data-testid="preset-ok">
            {theirs === null ? t('action.save') : t('preset.replace')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
