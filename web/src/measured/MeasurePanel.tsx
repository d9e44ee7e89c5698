/** The list of measurements beside the picture: one's own with note and removal, the others' to look at, what is saved and sent. */
import './measured.css';
import { Button, Modal } from 'antd';
import { useState } from 'react';
import { ServerRefused } from '../api/client';
import { useTexts, type Key } from '../i18n';
import type { Measure } from '../viewer/measure';
import type { Hands } from '../viewer/useDrawing';
import { disagreements, foreignOf, isSame, numbersOf, type Kept, type KeptList, type Numbers } from './kept';
import { told } from './told';
import type { KeptState } from './useKept';
import type { Measured, Place } from './useMeasured';

interface Props {
  measured: Measured;
  hands: Hands;
  onGoTo: (place: Place) => void;
}

const two = (value: number) => String(value).padStart(2, '0');

/** The clock of this PC, to the second. */
function clock(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? '' : `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** What is saved, always in sight; a failure is said aloud. */
export function SavedMark({ kept }: { kept: KeptState }) {
  const { t, said } = useTexts();
  const { saving, may } = kept;
  const facts = { at: clock(saving.at), version: saving.version };
  if (!may && saving.state !== 'loading') return <p className="muted">{t('measured.notKept')}</p>;
  if (saving.state === 'failed') {
    return (
      <p className="measured-failed" role="alert" data-testid="measured-state" data-state="failed">
        ✕ {t('measured.failed')} {saving.why instanceof ServerRefused ? said(saving.why.said) : t('measured.unreachable')}{' '}
        <Button size="small" onClick={() => void kept.save()}>
          {t('action.retry')}
        </Button>
      </p>
    );
  }
  const text = saving.state === 'kept' ? (saving.version === 0 ? t('measured.none') : t('measured.saved', facts)) : saving.state === 'conflict' ? t('measured.conflict') : saving.state === 'loading' ? t('measured.loading') : t('measured.saving');
  return (
    <p role="status" data-testid="measured-state" data-state={saving.state} data-version={saving.version}>
      {text}
    </p>
  );
}

/** Saved from two windows: both lists are there, the person says which stands. */
function Conflict({ kept }: { kept: KeptState }) {
  const { t } = useTexts();
  const { rival, mine, choose } = kept;
  if (rival === null) return null;
  return (
    <Modal open title={t('measured.conflict')} footer={null} closable={false} keyboard={false} width={520}>
      <p>{t('measured.conflictTold', { version: rival.version, at: clock(rival.at), theirs: rival.measures.length, mine: mine.length })}</p>
      <div className="measured-choices">
        <Button type="primary" onClick={() => choose('both')} data-testid="keep-both">
          {t('measured.keepBoth')}
        </Button>
        <Button onClick={() => choose('mine')}>{t('measured.keepMine')}</Button>
        <Button onClick={() => choose('theirs')}>{t('measured.keepTheirs')}</Button>
      </div>
    </Modal>
  );
}

interface Line {
  measure: Measure;
  kept: Kept | undefined;
  place: Place | undefined;
}

/** The server's numbers; until it has this shape, the page's own. */
function useNumbers({ measure, kept, place }: Line): { lines: string[]; apart: string[] } {
  const { t } = useTexts();
  const page: Numbers = place === undefined ? {} : numbersOf(measure, place.frame, null, '');
  const sure = isSame(measure, kept) && kept !== undefined ? kept.numbers : null;
  return { lines: told(t, { ...page, ...sure }), apart: sure === null ? [] : disagreements(page, sure) };
}

function What(line: Line & { number: number; onGoTo: Props['onGoTo']; onSelect?: () => void }) {
  const { t } = useTexts();
  const { measure, place, kept, number, onGoTo, onSelect } = line;
  const { lines, apart } = useNumbers(line);
  return (
    <>
      <button
        type="button"
        className="measured-go"
        disabled={place === undefined}
        onClick={() => {
          if (place !== undefined) onGoTo(place);
          onSelect?.();
        }}
      >
        {number}. {t(`tool.${measure.kind}` as Key)} <span className="num">{lines.join(' · ')}</span>
        <small>{place === undefined ? t('measured.elsewhere') : t('measured.at', { n: place.index + 1, series: place.modality })}</small>
      </button>
      {kept?.refusal !== undefined && kept.refusal !== '' && <p className="muted">{t('measured.noValues', { code: kept.refusal })}</p>}
      {apart.length > 0 && (
        <p className="measured-failed" role="alert">
          ≠ {t('measured.apart', { names: apart.map((name) => t(`measured.number.${name}` as Key)).join(', ') })}
        </p>
      )}
    </>
  );
}

function Own({ line, number, hands, onGoTo }: { line: Line; number: number; hands: Hands; onGoTo: Props['onGoTo'] }) {
  const { t } = useTexts();
  const { measure } = line;
  const [typed, setTyped] = useState<string | null>(null);
  const keep = () => {
    if (typed !== null && typed.trim() !== measure.text) hands.step({ step: 'text', id: measure.id, text: typed.trim() });
    setTyped(null);
  };
  return (
    <li className={hands.drawing.selected === measure.id ? 'chosen' : ''} data-testid="own-measure" data-kind={measure.kind}>
      <What {...line} number={number} onGoTo={onGoTo} onSelect={() => hands.step({ step: 'select', id: measure.id })} />
      <div className="measured-acts">
        <input
          value={typed ?? measure.text}
          maxLength={200}
          placeholder={t('measure.note')}
          aria-label={t('measured.noteOf', { n: number })}
          onChange={(event) => setTyped(event.target.value)}
          onBlur={keep}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.nativeEvent.isComposing) event.currentTarget.blur();
          }}
        />
        <Button size="small" aria-label={t('measured.removeOf', { n: number })} onClick={() => hands.step({ step: 'removeOne', id: measure.id })}>
          ✕
        </Button>
      </div>
    </li>
  );
}

function OthersOf({ list, places, onGoTo }: { list: KeptList; places: Measured['places']; onGoTo: Props['onGoTo'] }) {
  const { t } = useTexts();
  if (list.measures.length === 0) return null;
  return (
    <>
      <h3>{t('measured.of', { name: list.name, version: list.version })}</h3>
      <ol className="measured-list measured-others">
        {foreignOf(list).map((measure, index) => (
          <li key={measure.id} data-testid="other-measure">
            <What measure={measure} kept={list.measures[index]} place={places.get(measure.frame)} number={index + 1} onGoTo={onGoTo} />
            {measure.text !== '' && <p>{measure.text}</p>}
          </li>
        ))}
      </ol>
    </>
  );
}

function SentMark({ kept }: { kept: KeptState }) {
  const { t, said } = useTexts();
  const list = kept.read?.mine;
  return (
    <>
      {kept.sendTrouble instanceof ServerRefused && (
        <p className="measured-failed" role="alert">
          {said(kept.sendTrouble.said)}
        </p>
      )}
      {list !== undefined && list.sent_version > 0 && list.state !== '' && (
        <p role="status" data-testid="measured-sent" data-state={list.state}>
          PACS · {t('measured.sent', { version: list.sent_version })} · {t(`delivery.${list.state}`)}
        </p>
      )}
    </>
  );
}

/** Whether this version, saved or about to be, is not what was sent last. */
function isToSend({ may, read, mine, saving }: KeptState): boolean {
  if (!may || read === null || read.destination === '' || saving.state === 'conflict') return false;
  const { sent_version: sent } = read.mine;
  return (mine.length > 0 || sent > 0) && (saving.state !== 'kept' || saving.version !== sent);
}

function Acts({ kept, hands }: { kept: KeptState; hands: Hands }) {
  const { t } = useTexts();
  if (!kept.may) return null;
  return (
    <div className="measured-acts">
      <Button size="small" disabled={!isToSend(kept)} onClick={() => void kept.send()} data-testid="measured-send">
        {t('measured.send')} (⇧U)
      </Button>
      <Button size="small" disabled={hands.drawing.past.length === 0} onClick={() => hands.step({ step: 'undo' })}>
        {t('tool.undo')}
      </Button>
    </div>
  );
}

export function MeasurePanel({ measured, hands, onGoTo }: Props) {
  const { t } = useTexts();
  const { current, prior, places } = measured;
  const { mine, known, read } = current;
  const kept = new Map([...known, ...prior.known].map((one) => [one.id, one]));
  const lists = [...(read?.others ?? []), ...(prior.read?.others ?? [])];
  const own = (of: KeptState) => of.mine.map((measure, index) => <Own key={measure.id} line={{ measure, kept: kept.get(measure.id), place: places.get(measure.frame) }} number={index + 1} hands={hands} onGoTo={onGoTo} />);
  return (
    <section className="measured-panel" aria-label={t('panel.measured')} data-testid="measured">
      {current.saving.version === 0 && <SavedMark kept={current} />}
      <ol className="measured-list">{own(current)}</ol>
      {mine.length === 0 && <p className="muted">{t('measured.empty')}</p>}
      <Acts kept={current} hands={hands} />
      <SentMark kept={current} />
      {prior.mine.length > 0 && (
        <>
          <h3>{t('measured.prior')}</h3>
          <ol className="measured-list">{own(prior)}</ol>
        </>
      )}
      {lists.map((list, index) => (
        <OthersOf key={index} list={list} places={places} onGoTo={onGoTo} />
      ))}
    </section>
  );
}

/** One line that stays in sight whatever panel is open; nothing while nothing was ever measured. */
export function MeasuredLine({ measured }: { measured: Measured }) {
  const { t } = useTexts();
  const { current, prior } = measured;
  const isNews = ({ saving, may }: KeptState) => may && saving.state !== 'loading' && (saving.version > 0 || saving.state !== 'kept');
  const told = [...(isNews(current) ? [current] : []), ...(isNews(prior) ? [prior] : [])];
  if (told.length === 0) return null;
  return (
    <div className="measured-line">
      {told.map((kept, index) => (
        <div key={index}>
          <b>{t(kept === prior ? 'measured.prior' : 'panel.measured')}</b> <SavedMark kept={kept} />
        </div>
      ))}
    </div>
  );
}

/** All measurements as text, for those who cannot see the picture; and the question that cannot wait. */
export function MeasuredAloud({ measured }: { measured: Measured }) {
  const { t } = useTexts();
  const { current, places } = measured;
  const kept = new Map(current.known.map((one) => [one.id, one]));
  const others = current.read?.others ?? [];
  const questions = [current, measured.prior].map((one, index) => <Conflict key={index} kept={one} />);
  return (
    <>
      {questions}
      <ul className="aloud" aria-label={t('panel.measured')}>
      {current.mine.map((measure) => (
        <Aloud key={measure.id} line={{ measure, kept: kept.get(measure.id), place: places.get(measure.frame) }} name="" />
      ))}
      {others.flatMap((list) => foreignOf(list).map((measure, index) => <Aloud key={measure.id} line={{ measure, kept: list.measures[index], place: places.get(measure.frame) }} name={list.name} />))}
    </ul>
    </>
  );
}

function Aloud({ line, name }: { line: Line; name: string }) {
  const { t } = useTexts();
  const { lines } = useNumbers(line);
  const where = line.place === undefined ? '' : t('measured.at', { n: line.place.index + 1, series: line.place.modality });
  return <li>{[name, t(`tool.${line.measure.kind}` as Key), ...lines, line.measure.text, where].filter((part) => part !== '').join(' · ')}</li>;
}
