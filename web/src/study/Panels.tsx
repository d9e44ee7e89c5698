import { memo, useState } from 'react';
import type { Study } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { AiPanel } from './AiPanel';
import { DeliveryPanel, HistoryPanel } from './RecordPanels';
import { QcPanel } from './QcPanel';

const TABS = ['ai', 'qc', 'delivery', 'history'] as const;
type Tab = (typeof TABS)[number];
const LABEL: Record<Tab, Key> = { ai: 'panel.ai', qc: 'panel.qc', delivery: 'panel.delivery', history: 'panel.history' };

interface Props {
  study: Study;
  selected: number | null;
  onSelect: (lesion: number) => void;
  onChanged: () => void;
}

export const Panels = memo(function Panels({ study, selected, onSelect, onChanged }: Props) {
  const { t } = useTexts();
  const [tab, setTab] = useState<Tab>('ai');
  const mark: Partial<Record<Tab, string>> = {
    qc: study.row.qc === 'reject' ? '✕' : study.row.qc === 'warn' ? '!' : undefined,
    delivery: study.deliveries.some((delivery) => delivery.state === 'failed') ? '✕' : undefined,
    history: study.row.superseded ? '↻' : undefined,
  };
  return (
    <aside className="panels">
      <div className="tabs" role="tablist">
        {TABS.map((name) => (
          <button key={name} id={`tab-${name}`} type="button" role="tab" aria-selected={tab === name} aria-controls="panel" onClick={() => setTab(name)}>
            {t(LABEL[name])}
            {mark[name] !== undefined && <i aria-hidden="true"> {mark[name]}</i>}
          </button>
        ))}
      </div>
      <div className="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === 'ai' && <AiPanel study={study} selected={selected} onSelect={onSelect} onChanged={onChanged} />}
        {tab === 'qc' && <QcPanel study={study} />}
        {tab === 'delivery' && <DeliveryPanel study={study} />}
        {tab === 'history' && <HistoryPanel study={study} />}
      </div>
    </aside>
  );
});
