/** Keyboard and mouse of the person who is logged in: every command, its keys, and what the mouse does. */
import { Alert, Button, Select } from 'antd';
import { useEffect, useMemo, useState } from 'react';
import { ServerRefused } from '../api/client';
import { useHabits } from '../app/habits';
import { BINDINGS, pressed, type Binding } from '../app/keys';
import { holderOf, keyLabel, mapped, mayBeBound, MOST_KEYS, withKeys, type Changed } from '../app/keymap';
import { useTexts, type Key } from '../i18n';
import { Loading, useFailureText } from '../ui/states';
import { choice, CHOICES, choose, graphics } from '../viewer/graphics';
import { HELD, MOUSE, WHEEL, type Mouse } from '../viewer/interaction';

const GROUPS: [Binding['group'], Key][] = [
  ['viewer', 'help.viewer'],
  ['list', 'help.list'],
  ['screening', 'screen.title'],
  ['room', 'help.room'],
  ['general', 'help.general'],
];

interface Asked {
  command: string;
  /** Why the last key that was pressed was not taken. */
  refused: { key: string; holder: Binding | null } | null;
}

/** The next key that is pressed belongs to the command; Escape gives up. */
function useNextKey(asked: Asked | null, onKey: (key: string) => void, onGiveUp: () => void): void {
  useEffect(() => {
    if (asked === null) return;
    function listen(event: KeyboardEvent): void {
      const key = pressed(event);
      if (event.key === 'Tab' || key === null) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (key === 'Escape') onGiveUp();
      else if (!['Shift', 'Control', 'Alt', 'Meta'].includes(key)) onKey(key);
    }
    window.addEventListener('keydown', listen, true);
    return () => window.removeEventListener('keydown', listen, true);
  }, [asked, onKey, onGiveUp]);
}

interface RowProps {
  binding: Binding;
  own: boolean;
  asked: Asked | null;
  onAsk: () => void;
  onRemove: (key: string) => void;
  onStandard: () => void;
}

function Row({ binding, own, asked, onAsk, onRemove, onStandard }: RowProps) {
  const { t } = useTexts();
  const name = t(binding.label);
  return (
    <li className={own ? 'own' : undefined}>
      <span className="command">{name}</span>
      <span className="keys">
        {binding.keys.map((key) => (
          <button key={key} type="button" className="key" onClick={() => onRemove(key)} aria-label={t('habits.removeKey', { key: keyLabel(key), name })} title={t('habits.removeKey', { key: keyLabel(key), name })}>
            <kbd>{keyLabel(key)}</kbd>
          </button>
        ))}
        {asked === null ? (
          <Button size="small" onClick={onAsk} disabled={binding.keys.length >= MOST_KEYS} aria-label={t('habits.addTo', { name })}>
            {t('habits.add')}
          </Button>
        ) : (
          <span role="status" className="asking">
            {t('habits.press')}
            {asked.refused !== null && <b> {asked.refused.holder === null ? t('habits.notAllowed', { key: keyLabel(asked.refused.key) }) : t('habits.taken', { key: keyLabel(asked.refused.key), name: t(asked.refused.holder.label) })}</b>}
          </span>
        )}
        {own && (
          <Button size="small" type="link" onClick={onStandard} aria-label={t('habits.standardOf', { name })}>
            {t('habits.standard')}
          </Button>
        )}
      </span>
    </li>
  );
}

function MouseForm({ mouse, onChange }: { mouse: Mouse; onChange: (mouse: Mouse) => void }) {
  const { t } = useTexts();
  const held = HELD.map((value) => ({ value, label: t(`tool.${value}`) }));
  return (
    <section>
      <h2>{t('help.mouse')}</h2>
      <div className="mouse-form">
        {(['left', 'middle', 'right'] as const).map((button) => (
          <label key={button} htmlFor={`mouse-${button}`}>
            {t(`mouse.${button}`)}
            <Select id={`mouse-${button}`} value={mouse[button]} options={held} onChange={(value) => onChange({ ...mouse, [button]: value })} />
          </label>
        ))}
        <label htmlFor="mouse-wheel">
          {t('mouse.wheel')}
          <Select id="mouse-wheel" value={mouse.wheel} options={WHEEL.map((value) => ({ value, label: t(`tool.${value}`) }))} onChange={(wheel) => onChange({ ...mouse, wheel })} />
        </label>
      </div>
    </section>
  );
}

/** Of this PC, kept by its browser. */
function DrawingForm() {
  const { t } = useTexts();
  const [chosen, setChosen] = useState(choice);
  const [found] = useState(graphics);
  return (
    <section>
      <h2>{t('drawing.title')}</h2>
      <div className="mouse-form">
        <label htmlFor="drawn-with">
          {t('drawing.with')}
          <Select
            id="drawn-with"
            value={chosen}
            options={CHOICES.map((value) => ({ value, label: t(`drawing.${value}`) }))}
            onChange={(next) => {
              choose(next);
              setChosen(choice());
            }}
          />
        </label>
      </div>
      <p className="muted">
        {found.card ? t('drawing.found', { name: found.name }) : t('drawing.none')} {t('drawing.how')}
      </p>
    </section>
  );
}

const alike = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

function Form({ keys: first, mouse: firstMouse, version }: { keys: Changed; mouse: Mouse; version: number }) {
  const { t } = useTexts();
  const failureText = useFailureText();
  const { save, refresh } = useHabits();
  const [keys, setKeys] = useState(first);
  const [mouse, setMouse] = useState(firstMouse);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [state, setState] = useState<{ busy: boolean; failure: unknown }>({ busy: false, failure: null });
  const live = useMemo(() => mapped(keys), [keys]);
  const keysOf = (command: string) => live.find((binding) => binding.command === command)?.keys ?? [];
  useNextKey(
    asked,
    (key) => {
      if (asked === null) return;
      const holder = holderOf(live, asked.command, key);
      if (holder !== null || !mayBeBound(key)) setAsked({ ...asked, refused: { key, holder } });
      else {
        setKeys(withKeys(keys, asked.command, [...keysOf(asked.command).filter((one) => one !== key), key]));
        setAsked(null);
      }
    },
    () => setAsked(null),
  );
  const changed = !alike(keys, first) || !alike(mouse, firstMouse);
  const keep = () => {
    setState({ busy: true, failure: null });
    save(keys, mouse).then(
      () => setState({ busy: false, failure: null }),
      (failure: unknown) => setState({ busy: false, failure }),
    );
  };
  const elsewhere = state.failure instanceof ServerRefused && state.failure.status === 409;
  return (
    <div className="page habits" data-testid="habits">
      <header className="page-head">
        <h1>{t('habits.title')}</h1>
        <span className="muted" role="status">
          {changed ? t('habits.unsaved') : version > 0 ? t('habits.saved', { n: version }) : t('habits.unchanged')}
        </span>
        <Button onClick={() => { setKeys({}); setMouse(MOUSE); }} disabled={alike(keys, {}) && alike(mouse, MOUSE)}>
          {t('habits.allStandard')}
        </Button>
        <Button type="primary" onClick={keep} disabled={!changed} loading={state.busy}>
          {t('habits.save')}
        </Button>
      </header>
      {state.failure !== null && (
        <Alert type="error" showIcon title={failureText(state.failure)} action={elsewhere ? <Button size="small" onClick={() => void refresh()}>{t('habits.takeOther')}</Button> : undefined} />
      )}
      <p className="muted">{t('habits.how')}</p>
      <MouseForm mouse={mouse} onChange={setMouse} />
      <DrawingForm />
      {GROUPS.map(([group, title]) => (
        <section key={group}>
          <h2>{t(title)}</h2>
          <ul className="commands">
            {live.filter((binding) => binding.group === group).map((binding) => (
              <Row
                key={binding.command}
                binding={binding}
                own={keys[binding.command] !== undefined}
                asked={asked?.command === binding.command ? asked : null}
                onAsk={() => setAsked({ command: binding.command, refused: null })}
                onRemove={(key) => setKeys(withKeys(keys, binding.command, binding.keys.filter((one) => one !== key)))}
                onStandard={() => setKeys(withKeys(keys, binding.command, BINDINGS.find((one) => one.command === binding.command)?.keys ?? []))}
              />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

export default function HabitsPage() {
  const { t } = useTexts();
  const { kept } = useHabits();
  if (kept === null) return <Loading label={t('habits.loading')} />;
  // A new version from the server begins the form anew.
  return <Form key={kept.version} keys={kept.keys} mouse={kept.mouse} version={kept.version} />;
}
