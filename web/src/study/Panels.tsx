import { memo, useMemo, useState, type ReactNode } from 'react';
import type { Study } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { QualityLine } from '../quality/QualityLine';
import { useRead } from '../ui/useRead';
import { AiPanel } from './AiPanel';
import { changesOf, followUpOf, type Changes } from './changes';
import type { Comparison, JoinedList } from './joined';
import { JoinedPanel } from './JoinedPanel';
import { DeliveryPanel, HistoryPanel } from './RecordPanels';
import { QcPanel } from './QcPanel';

const TABS = ['ai', 'measured', 'joined', 'qc', 'delivery', 'history'] as const;
type Tab = (typeof TABS)[number];
const LABEL: Record<Tab, Key> = { ai: 'panel.ai', measured: 'panel.measured', joined: 'panel.joined', qc: 'panel.qc', delivery: 'panel.delivery', history: 'panel.history' };

interface Props {
  study: Study;
  selected: number | null;
  onSelect: (lesion: number) => void;
  onChanged: () => void;
  /** The physician's review; it stands above the AI's answer. */
  review: (changes: Changes) => ReactNode;
  facts: ReactNode;
  reviewed: boolean;
  /** A person corrects outlines just now: the panel stays at the review. */
  reviewing: boolean;
  /** Measurements: their list, and how many there are. */
  measured: ReactNode;
  measuredCount: number;
  /** Whether they are saved; shown where their list is not. */
  measuredLine: ReactNode;
}

/** What became of each lesion since the prior CT, where one was compared. */
function useChanges(base: string, rows: JoinedList['rows']): Changes {
  const followUp = followUpOf(rows)?.id;
  const compared = useRead<Comparison>(followUp === undefined ? null : `${base}/joined/${followUp}`).data;
  return useMemo(() => changesOf(compared), [compared]);
}

/** The patient's other studies beside this one; looked at more often while something is under way. */
function useJoined(base: string, revision: number) {
  // Read again with every change of the study; what the patient's other studies cause comes by the clock.
  const [everyMs, setEveryMs] = useState(15_000);
  const joined = useRead<JoinedList>(`${base}/joined`, everyMs, revision);
  const busy = joined.data !== null && (joined.data.looking || joined.data.rows.some((row) => row.state === 'waiting' || row.state === 'running'));
  const wanted = busy ? 3_000 : 15_000;
  if (wanted !== everyMs) setEveryMs(wanted);
  return { joined, busy };
}

export const Panels = memo(function Panels({ study, selected, onSelect, onChanged, review, facts, reviewed, reviewing, measured, measuredCount, measuredLine }: Props) {
  const { t } = useTexts();
  const [tab, setTab] = useState<Tab>('ai');
  const base = `/api/studies/${encodeURIComponent(study.row.study)}`;
  const { joined, busy } = useJoined(base, study.history.length);
  const changes = useChanges(base, joined.data?.rows ?? []);
  const done = joined.data?.rows.filter((row) => row.state !== 'waiting' && row.state !== 'running') ?? [];
  const mark: Partial<Record<Tab, string>> = {
    measured: measuredCount > 0 ? String(measuredCount) : undefined,
    joined: busy ? '◐' : done.length > 0 ? String(done.length) : undefined,
    qc: study.row.qc === 'reject' ? '✕' : study.row.qc === 'warn' ? '!' : undefined,
    delivery: study.deliveries.some((delivery) => delivery.state === 'failed') ? '✕' : undefined,
    history: study.row.superseded ? '↻' : undefined,
  };
  return (
    <aside className="panels">
      <QualityLine quality={study.quality} />
      <div className="tabs" role="tablist">
        {TABS.map((name) => (
          <button key={name} id={`tab-${name}`} type="button" role="tab" aria-selected={tab === name} aria-controls="panel" onClick={() => setTab(name)}>
            {t(LABEL[name])}
            {mark[name] !== undefined && <i aria-hidden="true"> {mark[name]}</i>}
          </button>
        ))}
      </div>
      {measuredLine}
      <div className="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === 'ai' && (
          <>
            {review(changes)}
            <AiPanel study={study} selected={selected} onSelect={onSelect} onChanged={onChanged} changes={changes} facts={facts} reviewed={reviewed} reviewing={reviewing} />
          </>
        )}
        {tab === 'measured' && measured}
        {tab === 'joined' && <JoinedPanel study={study} list={joined} onSelect={onSelect} />}
        {tab === 'qc' && <QcPanel study={study} onChanged={onChanged} />}
        {tab === 'delivery' && <DeliveryPanel study={study} />}
        {tab === 'history' && <HistoryPanel study={study} />}
      </div>
    </aside>
  );
});
