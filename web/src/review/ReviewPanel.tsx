/** The review beside the picture: every lesion with its decision and its numbers, the AI's statements, the submission. */
import './review.css';
import { Button, Modal } from 'antd';
import { useEffect, useRef, useState } from 'react';
import type { Lesion } from '../api/types';
import { useTexts } from '../i18n';
import { ChangeSince } from '../study/ChangeSince';
import type { Changes } from '../study/changes';
import { KINDS, PLACES } from '../study/LesionTable';
import { fixed, instant } from '../ui/format';
import { Refusal } from './Refusal';
import { isOne, Predictions, WHY } from './Predictions';
import { accepted, acceptedRest, added, countsOf, described, merged, rejected, separated, unfinished, wholeRejected, type Item } from './work';
import type { ReviewState } from './useReview';

const REASONS = ['normal_structure', 'vessel', 'artefact', 'motion', 'atelectasis', 'known_benign', 'duplicate', 'other'] as const;
const GLYPH = { accepted: '✓', changed: '✎', rejected: '✕', added: '＋' } as const;

interface Props {
  review: ReviewState;
  lesions: readonly Lesion[];
  /** Since the prior CT. */
  changes: Changes;
  selected: number | null;
  /** The lesion whose rejection wants a reason. */
  asking: number | null;
  onAsking: (id: number | null) => void;
  onSelect: (id: number) => void;
}

function NumbersOf({ review, item, lesions, changes }: Pick<Props, 'review' | 'lesions' | 'changes'> & { item: Item }) {
  const { t } = useTexts();
  const numbers = review.numbers.get(item.id);
  const lesion = item.drawn ? (numbers?.lesion ?? null) : (lesions.find((one) => one.id === item.id) ?? null);
  const state = item.drawn ? (numbers?.state ?? 'busy') : 'done';
  return (
    <p className="num review-numbers" data-testid={`numbers-${item.id}`} data-state={state}>
      {lesion !== null && (
        <>
          {fixed(lesion.long_axis_mm, 1)} × {fixed(lesion.short_axis_mm, 1)} mm · {fixed(lesion.volume_ml, 2)} ml · {fixed(lesion.mean_hu, 0)} HU
          {changes.size > 0 && item.decision !== 'added' && (
            <span className="review-since">
              {' '}
              · {t('lesion.change')} <ChangeSince change={changes.get(item.id)} redrawnMl={item.drawn ? lesion.volume_ml : null} />
            </span>
          )}
        </>
      )}
      {state === 'busy' && Object.keys(item.frames).length > 0 && <span className="muted"> {t('review.measuring')}</span>}
      {state === 'failed' && <Refusal why={numbers?.why} />}
    </p>
  );
}

function Row({ review, item, lesions, changes, selected, asking, onAsking, onSelect }: Props & { item: Item }) {
  const { t } = useTexts();
  const { editing, change } = review;
  const others = review.work?.items.filter((one) => one.id !== item.id && one.decision !== 'rejected') ?? [];
  const kind = KINDS[item.kind];
  const chosen = item.id === selected;
  const place = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (editing && chosen) place.current?.scrollIntoView({ block: 'nearest' });
  }, [editing, chosen]);
  return (
    <li ref={place} className={`review-row${chosen ? ' chosen' : ''}`} aria-current={chosen} data-lesion={item.id} data-decision={item.decision ?? 'open'}>
      <div className="review-head">
        <button type="button" className="lesion-go" onClick={() => onSelect(item.id)} aria-label={t('lesion.goTo', { n: item.id })}>
          {item.id}
        </button>
        <b>{kind === undefined ? item.kind : t(kind)}</b>
        <span className={`chip review-${item.decision ?? 'open'}`}>
          <i aria-hidden="true">{item.decision === null ? '○' : GLYPH[item.decision]}</i>
          {t(`review.decision.${item.decision ?? 'open'}`)}
        </span>
      </div>
      <NumbersOf review={review} item={item} lesions={lesions} changes={changes} />
      {item.decision === 'rejected' && item.reason !== '' && <p className="muted">{t(`review.reason.${item.reason as (typeof REASONS)[number]}`)}</p>}
      {editing && chosen && (
        <div className="review-acts">
          <select aria-label={t('lesion.kind')} value={item.kind} onChange={(event) => change((work) => described(work, item.id, event.target.value, item.location))}>
            {Object.entries(KINDS).map(([code, key]) => (
              <option key={code} value={code}>
                {t(key)}
              </option>
            ))}
          </select>
          <select aria-label={t('review.place')} value={item.location} onChange={(event) => change((work) => described(work, item.id, item.kind, event.target.value))}>
            {Object.entries(PLACES).map(([code, key]) => (
              <option key={code} value={code}>
                {t(key)}
              </option>
            ))}
          </select>
          {item.decision !== 'added' && (
            <Button size="small" onClick={() => change((work) => accepted(work, item.id))}>
              {t('review.accept')} J
            </Button>
          )}
          <Button size="small" danger onClick={() => (item.decision === 'added' ? change((work) => rejected(work, item.id, 'other')) : onAsking(item.id))}>
            {t('review.reject')} X
          </Button>
          <Button size="small" onClick={() => change((work) => separated(work, item.id, review.order))}>
            {t('review.separate')}
          </Button>
          {others.length > 0 && (
            <select aria-label={t('review.merge')} value="" data-testid="merge" onChange={(event) => change((work) => merged(work, item.id, Number(event.target.value)))}>
              <option value="">{t('review.merge')}</option>
              {others.map((one) => (
                <option key={one.id} value={one.id}>
                  #{one.id}
                </option>
              ))}
            </select>
          )}
        </div>
      )}
      {editing && asking === item.id && (
        <div className="review-reasons" role="group" aria-label={t('review.why')}>
          {REASONS.map((reason) => (
            <Button
              key={reason}
              size="small"
              onClick={() => {
                change((work) => rejected(work, item.id, reason));
                onAsking(null);
              }}
            >
              {t(`review.reason.${reason}`)}
            </Button>
          ))}
        </div>
      )}
    </li>
  );
}

function DraftLine({ review }: { review: ReviewState }) {
  const { t } = useTexts();
  const { draft } = review;
  const others = review.read?.others ?? [];
  return (
    <>
      {draft.state === 'failed' ? (
        <p className="note-warn" role="alert" data-testid="draft-failed">
          ✕ {t('review.draftFailed')} <Refusal why={draft.why} />
        </p>
      ) : (
        <p className="muted" role="status" data-testid="draft">
          {draft.at === null ? t('review.draftNone') : t('review.draftSaved', { at: instant(draft.at) })}
        </p>
      )}
      {others.map((other) => (
        <p key={other.name} className="note-warn" data-testid="other-editor">
          {t(other.seconds < 60 ? 'review.otherNow' : 'review.otherDraft', { name: other.name, at: instant(other.at) })}
        </p>
      ))}
    </>
  );
}

/** Somebody submitted meanwhile: both versions stay, and the person decides. */
function Rival({ review }: { review: ReviewState }) {
  const { t } = useTexts();
  const { rival } = review;
  if (rival === null) return null;
  return (
    <div className="note-warn" role="alert" data-testid="rival">
      <p>{t('review.rival', { name: rival.name, n: rival.version, at: instant(rival.at), accepted: rival.counts.accepted, changed: rival.counts.changed, rejected: rival.counts.rejected, added: rival.counts.added })}</p>
      <Button size="small" onClick={() => void review.submit([rival.id])} data-testid="replace-rival">
        {t('review.replace')}
      </Button>{' '}
      <Button size="small" onClick={() => void review.discard()}>
        {t('review.takeTheirs')}
      </Button>
    </div>
  );
}

/** The AI's result rejected as a whole, with its reason; or the way there. */
function Whole({ review }: { review: ReviewState }) {
  const { t } = useTexts();
  const [asking, setAsking] = useState(false);
  const why = review.work?.rejected ?? '';
  if (why !== '') {
    return (
      <div className="note-warn" role="status" data-testid="whole-rejected">
        <p>✕ {t('review.wholeRejected', { why: isOne(WHY, why) ? t(`review.against.${why}`) : why })}</p>
        <p>{t('review.wholeMeans')}</p>
        <Button size="small" onClick={() => review.change((work) => wholeRejected(work, ''))}>
          {t('review.keepWhole')}
        </Button>
      </div>
    );
  }
  return (
    <div className="review-whole">
      <Button size="small" danger aria-expanded={asking} onClick={() => setAsking(!asking)} data-testid="reject-whole">
        {t('review.rejectWhole')}
      </Button>
      {asking && (
        <div className="review-reasons" role="group" aria-label={t('review.why')}>
          {WHY.map((reason) => (
            <Button
              key={reason}
              size="small"
              onClick={() => {
                review.change((work) => wholeRejected(work, reason));
                setAsking(false);
              }}
            >
              {t(`review.against.${reason}`)}
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}

function SubmitButtons({ review }: { review: ReviewState }) {
  const { t } = useTexts();
  const [sure, setSure] = useState(false);
  const { work } = review;
  if (work === null || !review.editing) return null;
  const counts = countsOf(work);
  const open = unfinished(work);
  const { rejected: whole } = work;
  return (
    <div className="review-submit">
      <Button size="small" onClick={() => review.change(acceptedRest)} disabled={counts.undecided === 0 || whole !== ''} data-testid="accept-rest">
        {t('review.acceptRest', { n: counts.undecided })}
      </Button>
      <Button size="small" onClick={() => review.change((old) => added(old, 'solid_nodule', 'right_upper_zone').work)} data-testid="add-lesion">
        {t('review.add')}
      </Button>
      <Button size="small" danger onClick={() => void review.discard()}>
        {t('review.discard')}
      </Button>
      <Button type="primary" disabled={open.length > 0 || review.busy} onClick={() => setSure(true)} data-testid="submit-review">
        {t('review.submit')}
      </Button>
      {open.length > 0 && <p className="muted">{t('review.unfinished', { lesions: open.map((id) => `#${id}`).join(' ') })}</p>}
      <Modal
        open={sure}
        title={t('review.submitTitle')}
        okText={t('review.submitNow')}
        cancelText={t('action.cancel')}
        onCancel={() => setSure(false)}
        onOk={() => {
          setSure(false);
          void review.submit([]);
        }}
      >
        <p data-testid="counts">{isOne(WHY, whole) ? t('review.wholeRejected', { why: t(`review.against.${whole}`) }) : t('review.counts', { accepted: counts.accepted, changed: counts.changed, rejected: counts.rejected, added: counts.added })}</p>
        <p className="muted">{t(whole === '' ? 'review.submitMeans' : 'review.wholeMeans')}</p>
      </Modal>
    </div>
  );
}

export function ReviewPanel(props: Props) {
  const { review } = props;
  const { t } = useTexts();
  const { work, sent, head, editing } = review;
  const top = useRef<HTMLElement>(null);
  const { trouble } = review;
  // Whoever presses Edit looks for the lesions, and a refusal must be seen: the panel may have been scrolled down.
  useEffect(() => {
    if (editing || trouble !== null) top.current?.scrollIntoView({ block: 'start' });
  }, [editing, trouble]);
  if (work === null && head === null) return null;
  return (
    <section data-testid="review" ref={top}>
      <h2>
        {t('review.title')} <span className="muted">{t(review.editing ? 'review.copy' : 'lesion.readOnly')}</span>
      </h2>
      {(sent !== null || head !== null) && (
        <p className="review-version" role="status" data-testid="review-version">
          ● {sent === null && head !== null ? t('review.byVersion', { n: head.version, name: head.name, at: instant(head.at) }) : t('review.sent', { n: sent?.version ?? 0, at: instant(sent?.at ?? '') })}
        </p>
      )}
      {review.editing && <DraftLine review={review} />}
      <Rival review={review} />
      {review.trouble !== null && review.rival === null && (
        <p className="note-warn" role="alert">
          ✕ <Refusal why={review.trouble} />
        </p>
      )}
      {work !== null && (
        <ul className="review-list">
          {work.items.map((item) => (
            <Row key={item.id} {...props} item={item} />
          ))}
        </ul>
      )}
      <Predictions review={review} />
      {review.editing && <Whole review={review} />}
      <SubmitButtons review={review} />
    </section>
  );
}

