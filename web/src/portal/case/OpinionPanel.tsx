/** Opinions of a case, and the form to write one's own: draft, look, sign; then it stands. */
import { Button } from 'antd';
import { useState } from 'react';
import { may, partOf, type SignedPart, type Standing } from '../../consult/fold';
import { OpinionCard, opinionOf, type OpinionView } from '../../consult/OpinionCard';
import { useTexts } from '../../i18n';
import { useDirectory } from '../directory';
import { useSealFailureText } from '../failure';
import type { PanelProps } from './CasePanels';
import type { OpenEvent } from './opening';
import { OfferForm, OpinionForm } from './OpinionForm';

function useViews(data: PanelProps['data']): OpinionView[] {
  const { t } = useTexts();
  const directory = useDirectory();
  const failureText = useSealFailureText();
  const byId = new Map<string, OpenEvent>(data.events.map((event) => [event.id, event]));
  return data.believed.standing.signed.map((part: SignedPart) => {
    const event = byId.get(part.event);
    const row = data.answer.events.find((one) => one.id === part.event);
    let opinion: OpinionView['opinion'] = null;
    let broken = event?.broken == null ? null : failureText(event.broken);
    if (event?.text != null) {
      try {
        opinion = opinionOf(event.text);
        if (part.kind === 'offered') opinion = { ...opinion, text: offerText(event.text, t) };
      } catch {
        broken = t('opinion.malformed');
      }
    }
    return {
      event: part.event,
      kind: part.kind,
      person: part.person,
      name: row?.actor_name ?? part.person,
      title: directory.person(part.person)?.title ?? '',
      discipline: part.discipline,
      at: row?.at ?? part.at,
      digest: part.digest,
      signature: 'good',
      deliveredAt: row?.delivered_at ?? null,
      to: part.to,
      opinion,
      broken,
    };
  });
}

function offerText(json: string, t: ReturnType<typeof useTexts>['t']): string {
  const value = JSON.parse(json) as Record<string, unknown>;
  const text = (name: string) => (typeof value[name] === 'string' ? value[name] : '');
  const verdict = t(value['accepted'] === false ? 'offer.refused' : 'offer.accepted');
  return [verdict, text('bed') === '' ? '' : t('offer.bedIs', { bed: text('bed') }), text('date') === '' ? '' : t('offer.dateIs', { date: text('date') }), text('text')].filter((one) => one !== '').join('\n');
}

type Form = 'opinion' | 'addendum' | 'summary';

/** Which forms a person may fill in now. Pure. */
export function formsOf(standing: Standing, me: string, views: readonly OpinionView[]): Form[] {
  const part = partOf(standing, me);
  const allowed = (kind: Form) => may(standing.kind, part, kind, standing.place);
  const opinions = views.filter((view) => view.kind === 'opinion');
  const forms: Form[] = [];
  if (allowed('opinion') && !opinions.some((view) => view.person === me)) forms.push('opinion');
  // A summary sums up several; one opinion alone is its own.
  if (allowed('summary') && !views.some((view) => view.kind === 'summary') && opinions.length > (standing.kind === 'mdt' ? 0 : 1)) forms.push('summary');
  if (allowed('addendum') && ownOf(views, me) !== undefined) forms.push('addendum');
  return forms;
}

const ownOf = (views: readonly OpinionView[], me: string) => views.find((view) => view.person === me && (view.kind === 'opinion' || view.kind === 'summary'));

/** What this person may still write, one form at a time. */
function Writing(props: PanelProps & { views: readonly OpinionView[] }) {
  const { t } = useTexts();
  const { data, me, views } = props;
  const { standing } = data.believed;
  const [chosen, setChosen] = useState<Form | null>(null);
  const forms = formsOf(standing, me, views);
  const open = chosen ?? (standing.kind === 'consultation' && forms.includes('opinion') ? 'opinion' : null);
  const shown = forms.find((form) => form === open);
  const label: Record<Form, string> = { opinion: t('form.opinion'), summary: t('opinion.summarise'), addendum: `＋ ${t('opinion.addAddendum')}` };
  return (
    <>
      {standing.kind === 'referral' && may(standing.kind, partOf(standing, me), 'offered', standing.place) && <OfferForm {...props} />}
      {shown !== undefined && (
        <OpinionForm
          key={shown}
          {...props}
          kind={shown}
          to={shown === 'addendum' ? (ownOf(views, me)?.event ?? '') : ''}
          opinions={shown === 'summary' ? views.filter((view) => view.kind === 'opinion').map((view) => view.event) : []}
          others={views.filter((view) => view.kind !== 'addendum')}
          onDone={() => setChosen(null)}
        />
      )}
      <div className="writing">
        {forms
          .filter((form) => form !== shown)
          .map((form) => (
            <Button key={form} type={form === 'summary' ? 'primary' : 'default'} onClick={() => setChosen(form)} data-testid={`write-${form}`}>
              {label[form]}
            </Button>
          ))}
      </div>
    </>
  );
}

export function OpinionPanel(props: PanelProps) {
  const { t } = useTexts();
  const { standing } = props.data.believed;
  const views = useViews(props.data);
  const shown = views.filter((view) => view.kind !== 'addendum');
  const mayWrite = may(standing.kind, partOf(standing, props.me), 'opinion', standing.place);
  return (
    <>
      {shown.length === 0 && !mayWrite && <p className="muted">{standing.place === 'requested' ? t('opinion.acceptFirst') : t('opinion.none')}</p>}
      {shown.map((view) => (
        <OpinionCard key={view.event} view={view} others={views} />
      ))}
      <Writing {...props} views={views} />
    </>
  );
}
