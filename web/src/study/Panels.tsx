import { memo, useState, type ReactNode } from 'react';
import type { Study } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { useRead } from '../ui/useRead';
import { AiPanel } from './AiPanel';
import type { JoinedList } from './joined';
import { JoinedPanel } from './JoinedPanel';
import { DeliveryPanel, HistoryPanel } from './RecordPanels';
import { QcPanel } from './QcPanel';

const TABS = ['ai', 'joined', 'qc', 'delivery', 'history'] as const;
type Tab = (typeof TABS)[number];
const LABEL: Record<Tab, Key> = { ai: 'panel.ai', joined: 'panel.joined', qc: 'panel.qc', delivery: 'panel.delivery', history: 'panel.history' };

interface Props {
  study: Study;
  selected: number | null;
  onSelect: (lesion: number) => void;
  onChanged: () => void;
  /** The physician's review; it stands above the AI's answer. */
  review?: ReactNode;
}

export const Panels = memo(function Panels({ study, selected, onSelect, onChanged, review }: Props) {
  const { t } = useTexts();
  const [tab, setTab] = useState<Tab>('ai');
  // Read again with every change of the study; what the patient's other studies cause comes by the clock.
  const [everyMs, setEveryMs] = useState(15_000);
  const joined = useRead<JoinedList>(`/api/studies/${encodeURIComponent(study.row.study)}/joined`, everyMs, study.history.length);
  const busy = joined.data !== null && (joined.data.looking || joined.data.rows.some((row) => row.state === 'waiting' || row.state === 'running'));
  const wanted = busy ? 3_000 : 15_000;
  if (wanted !== everyMs) setEveryMs(wanted);
  const done = joined.data?.rows.filter((row) => row.state !== 'waiting' && row.state !== 'running') ?? [];
  const mark: Partial<Record<Tab, string>> = {
    joined: busy ? '◐' : done.length > 0 ? String(done.length) : undefined,
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
        {tab === 'ai' && (
          <>
            {review}
            <AiPanel study={study} selected={selected} onSelect={onSelect} onChanged={onChanged} />
          </>
        )}
        {tab === 'joined' && <JoinedPanel study={study} list={joined} onSelect={onSelect} />}
        {tab === 'qc' && <QcPanel study={study} />}
        {tab === 'delivery' && <DeliveryPanel study={study} />}
        {tab === 'history' && <HistoryPanel study={study} />}
      </div>
    </aside>
  );
});
