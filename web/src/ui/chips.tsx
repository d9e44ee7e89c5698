/** States as glyph + word + colour: never by colour alone. */
import type { AiState, DeliveryState, QcState } from '../api/types';
import { useTexts } from '../i18n';

type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'quiet';

const QC: Record<QcState, [string, Tone]> = { pending: ['…', 'busy'], pass: ['✓', 'good'], warn: ['!', 'warn'], reject: ['✕', 'bad'], failed: ['✕', 'bad'], none: ['–', 'quiet'] };
const AI: Record<AiState, [string, Tone]> = {
  waiting: ['○', 'quiet'],
  running: ['◐', 'busy'],
  ok: ['●', 'good'],
  failed: ['✕', 'bad'],
  refused: ['⊘', 'warn'],
  not_applicable: ['–', 'quiet'],
};
const DELIVERY: Record<DeliveryState, [string, Tone]> = {
  none: ['–', 'quiet'],
  pending: ['…', 'busy'],
  sent: ['↑', 'busy'],
  confirmed: ['✓', 'good'],
  unconfirmed: ['↑', 'warn'],
  failed: ['✕', 'bad'],
  refused: ['✕', 'bad'],
};

function Chip({ look, label, title }: { look: [string, Tone]; label: string; title?: string }) {
  return (
    <span className={`chip chip-${look[1]}`} title={title}>
      <i aria-hidden="true">{look[0]}</i>
      {label}
    </span>
  );
}

export function QcChip({ state }: { state: QcState }) {
  const { t } = useTexts();
  return <Chip look={QC[state]} label={t(`qc.${state}`)} />;
}
export function AiChip({ state }: { state: AiState }) {
  const { t } = useTexts();
  return <Chip look={AI[state]} label={t(`ai.${state}`)} title={t(`ai.${state}.long`)} />;
}
export function DeliveryChip({ state }: { state: DeliveryState }) {
  const { t } = useTexts();
  return <Chip look={DELIVERY[state]} label={t(`delivery.${state}`)} title={t(`delivery.${state}.long`)} />;
}
export function PlainChip({ tone, glyph, label, title }: { tone: Tone; glyph: string; label: string; title?: string }) {
  return <Chip look={[glyph, tone]} label={label} title={title} />;
}
