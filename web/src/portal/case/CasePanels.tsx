import { useState, type ReactNode } from 'react';
import { may, partOf } from '../../consult/fold';
import { Thread, type ThreadEntry } from '../../consult/Thread';
import { LesionTable } from '../../study/LesionTable';
import { QcReasons } from '../../study/QcPanel';
import { useTexts, type Key } from '../../i18n';
import { date, instant } from '../../ui/format';
import { useDirectory } from '../directory';
import { useSealFailureText } from '../failure';
import type { SealRefused } from '../seals';
import type { CaseFindings, CaseIndex } from './bundle';
import type { CaseProps } from './CasePage';
import { Documents, useObjectText } from './Documents';
import { OpinionPanel } from './OpinionPanel';
import { PeoplePanel } from './PeoplePanel';
import { FactTable, ReportBlock } from './ReportBlock';
import { useSetName } from './SetList';
import { qcOf } from './bundle';
import { wordsOf, type OpenEvent } from './opening';

const TABS = ['opinion', 'case', 'documents', 'thread', 'people'] as const;
type Tab = (typeof TABS)[number];
const LABEL: Record<Tab, Key> = { opinion: 'case.tab.opinion', case: 'case.tab.case', documents: 'case.tab.documents', thread: 'case.tab.thread', people: 'case.tab.people' };

export interface PanelProps extends CaseProps {
  index: CaseIndex;
  findings: CaseFindings | null;
  /** Findings of named sets other than the AI's, of the study that is shown. */
  besides: readonly CaseFindings[];
  /** The list of named result sets with their switches. */
  sets: ReactNode;
  failures: readonly { title: string; error: SealRefused }[];
  selected: number | null;
  onLesion: (id: number) => void;
}

function QcBlock({ index, read }: Pick<PanelProps, 'index' | 'read'>) {
  const { t } = useTexts();
  const object = index.objects.find((one) => one.kind === 'qc') ?? null;
  const json = useObjectText(object, read.open);
  if (json.text === null) return null;
  const qc = qcOf(json.text);
  if (qc === null) return null;
  return (
    <section>
      <h2>
        {t('panel.qc')} · {t(`qc.${qc.verdict}`)}
      </h2>
      <QcReasons reasons={qc.reasons} />
    </section>
  );
}

function FactsBlock({ index, read }: Pick<PanelProps, 'index' | 'read'>) {
  return index.objects.filter((one) => one.kind === 'facts').map((one) => <FactTable key={one.object} title={one.title} object={one} open={read.open} />);
}

/** What others than the AI found: each set with its name. */
function OtherFindings({ besides }: Pick<PanelProps, 'besides'>) {
  const name = useSetName();
  return besides
    .filter((one) => one.lesions.length > 0)
    .map((one) => (
      <section key={one.key}>
        <h2>
          {name(one)} <span className="muted">{one.by}</span>
        </h2>
        <LesionTable lesions={one.lesions} selected={null} onSelect={() => undefined} />
      </section>
    ));
}

function CasePanel({ index, findings, besides, sets, failures, read, selected, onLesion }: PanelProps) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  return (
    <>
      {failures.map((one, at) => (
        <p key={at} className="note-warn" role="alert">
          ✕ {one.title} {failureText(one.error)}
        </p>
      ))}
      <section>
        <h2>{t('case.purpose')}</h2>
        <p className="said">{index.purpose === '' ? '—' : index.purpose}</p>
      </section>
      <section>
        <h2>{t('case.summary')}</h2>
        <p className="said">{index.summary === '' ? '—' : index.summary}</p>
      </section>
      <dl className="facts">
        <dt>{t('column.patientId')}</dt>
        <dd>{index.patient.id}</dd>
        <dt>{t('case.birth')}</dt>
        <dd className="num">{date(index.patient.birth_date)}</dd>
        <dt>{t('case.consent')}</dt>
        <dd>
          {index.consent.reference} <span className="num muted">{instant(index.consent.at === '' ? null : index.consent.at)}</span>
        </dd>
        <dt>{t('case.requester')}</dt>
        <dd>{[index.requester.hospital, index.requester.department, index.requester.name].filter((one) => one !== '').join(' · ') || '—'}</dd>
      </dl>
      <QcBlock index={index} read={read} />
      {findings !== null && (
        <>
          {findings.tb !== null && <p>{t('note.tb', { score: findings.tb.score.toFixed(2), threshold: findings.tb.threshold.toFixed(2) })}</p>}
          {findings.lesions.length > 0 && <LesionTable lesions={findings.lesions} selected={selected} onSelect={onLesion} />}
          <p className="muted">
            {t('case.set.ai')}: {findings.model} {findings.version} · {t('app.researchOnly')}
          </p>
          {findings.assessments.length > 0 && (
            <section>
              <h2>{t('case.set.county')}</h2>
              <ul className="plain-list">
                {findings.assessments.map((one, at) => (
                  <li key={at}>
                    {one.text} <span className="muted">{one.by}</span>
                  </li>
                ))}
              </ul>
            </section>
          )}
        </>
      )}
      <OtherFindings besides={besides} />
      {sets}
      <ReportBlock index={index} open={read.open} />
      <FactsBlock index={index} read={read} />
    </>
  );
}

/** Events as lines of the conversation. */
export function entriesOf(events: readonly OpenEvent[], names: ReadonlyMap<string, string>, me: string, seen: readonly { person: string; name: string; seq: number }[], failureText: (error: unknown) => string): ThreadEntry[] {
  return events
    .filter((event) => !['opinion', 'addendum', 'summary'].includes(event.kind) || event.broken !== null)
    .map((event) => {
      const about = typeof event.body['person'] === 'string' ? event.body['person'] : '';
      return {
        id: event.id,
        kind: event.kind,
        actor: event.actor,
        name: event.name,
        mine: event.actor === me,
        at: event.at,
        text: event.kind === 'requested' ? null : wordsOf(event.text),
        about: names.get(about) ?? about,
        broken: event.broken === null ? null : failureText(event.broken),
        seenBy: seen.filter((one) => one.person !== me && one.seq >= event.seq).map((one) => one.name),
      };
    });
}

function ThreadPanel({ data, read, me }: CaseProps) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const { standing } = data.believed;
  const directory = useDirectory();
  const names = new Map([...Object.values(directory.view?.people ?? {}).map((person) => [person.person, person.name] as const), ...data.answer.parties.map((party) => [party.person, party.name] as const)]);
  const mayTalk = may(standing.kind, partOf(standing, me), 'message', standing.place);
  return <Thread entries={entriesOf(data.events, names, me, data.answer.seen, failureText)} onSend={mayTalk ? (text) => read.post('message', {}, { text }) : null} failureText={failureText} note={t('thread.sealed')} />;
}

export function CasePanels(props: PanelProps) {
  const { t } = useTexts();
  const { data, index } = props;
  const [chosen, setTab] = useState<Tab | null>(null);
  // What is asked first; once it is taken, the opinion.
  const tab = chosen ?? (data.believed.standing.owner === '' ? 'case' : 'opinion');
  const count: Partial<Record<Tab, number>> = {
    documents: index.objects.filter((one) => one.kind === 'document').length,
    thread: data.events.filter((event) => event.kind === 'message' || event.kind.startsWith('information')).length,
    people: data.believed.standing.parties.filter((party) => party.removed_at === '').length,
  };
  return (
    <aside className="panels">
      <div className="tabs" role="tablist">
        {TABS.map((name) => (
          <button key={name} id={`tab-${name}`} type="button" role="tab" aria-selected={tab === name} aria-controls="panel" onClick={() => setTab(name)}>
            {t(LABEL[name])}
            {(count[name] ?? 0) > 0 && <small> {count[name]}</small>}
          </button>
        ))}
      </div>
      <div className="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {/* Kept alive, so that what is half written survives a look at another tab. */}
        <div hidden={tab !== 'opinion'} className="panel-part">
          <OpinionPanel {...props} />
        </div>
        {tab === 'case' && <CasePanel {...props} />}
        {tab === 'documents' && <Documents index={index} open={props.read.open} />}
        <div hidden={tab !== 'thread'} className="panel-part">
          <ThreadPanel {...props} />
        </div>
        {tab === 'people' && <PeoplePanel {...props} />}
      </div>
    </aside>
  );
}
