/** Opinions of a case, and the form to write one's own: draft, look, sign; then it stands. */
import { Button } from 'antd';
import { useState } from 'react';
import { may, partOf, type SignedPart } from '../../consult/fold';
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

export function OpinionPanel(props: PanelProps) {
  const { t } = useTexts();
  const { data, me } = props;
  const { standing } = data.believed;
  const views = useViews(data);
  const part = partOf(standing, me);
  const allowed = (kind: Parameters<typeof may>[2]) => may(standing.kind, part, kind, standing.place);
  const mine = views.find((view) => view.kind === 'opinion' && view.person === me) ?? null;
  const summed = views.some((view) => view.kind === 'summary');
  const [writing, setWriting] = useState<'addendum' | 'summary' | null>(null);
  const others = views.filter((view) => view.kind !== 'addendum');
  const mayAdd = allowed('addendum') && views.some((view) => view.person === me && (view.kind === 'opinion' || view.kind === 'summary'));
  return (
    <>
      {others.length === 0 && !allowed('opinion') && <p className="muted">{standing.place === 'requested' ? t('opinion.acceptFirst') : t('opinion.none')}</p>}
      {others.map((view) => (
        <OpinionCard key={view.event} view={view} others={views} />
      ))}
      {standing.kind === 'referral' && allowed('offered') && <OfferForm {...props} />}
      {allowed('opinion') && mine === null && <OpinionForm {...props} kind="opinion" to="" opinions={[]} others={others} onDone={() => undefined} />}
      {allowed('summary') && !summed && views.some((view) => view.kind === 'opinion') && writing !== 'summary' && (
        <Button type="primary" onClick={() => setWriting('summary')} data-testid="summarise">
          {t('opinion.summarise')}
        </Button>
      )}
      {writing === 'summary' && !summed && <OpinionForm {...props} kind="summary" to="" opinions={views.filter((view) => view.kind === 'opinion').map((view) => view.event)} others={others} onDone={() => setWriting(null)} />}
      {mayAdd && writing === null && (
        <Button onClick={() => setWriting('addendum')} data-testid="add-addendum">
          ＋ {t('opinion.addAddendum')}
        </Button>
      )}
      {writing === 'addendum' && <OpinionForm {...props} kind="addendum" to={mine?.event ?? views.find((view) => view.person === me && view.kind === 'summary')?.event ?? ''} opinions={[]} others={others} onDone={() => setWriting(null)} />}
    </>
  );
}
