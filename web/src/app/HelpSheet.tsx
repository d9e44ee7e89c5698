import { Modal } from 'antd';
import { useTexts, type Key } from '../i18n';
import { BINDINGS, type Binding } from './keys';

const NAMES: Record<string, string> = { ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', ' ': 'Space', Escape: 'Esc', PageDown: 'PgDn', PageUp: 'PgUp' };
const shownKey = (key: string) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key.replace('Shift+', '⇧ '));

function Group({ group, title }: { group: Binding['group']; title: string }) {
  const { t } = useTexts();
  return (
    <section>
      <h3>{title}</h3>
      <dl className="keymap">
        {BINDINGS.filter((binding) => binding.group === group).map((binding) => (
          <div key={binding.command}>
            <dt>
              {binding.keys.map((key) => (
                <kbd key={key}>{shownKey(key)}</kbd>
              ))}
            </dt>
            <dd>{t(binding.label)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const MOUSE: [Key, Key][] = [
  ['mouse.wheel', 'mouse.wheelDoes'],
  ['mouse.ctrlWheel', 'mouse.ctrlWheelDoes'],
  ['mouse.left', 'mouse.leftDoes'],
  ['mouse.middle', 'mouse.middleDoes'],
  ['mouse.right', 'mouse.rightDoes'],
];

/** The live key map: it lists the same data that the keyboard is served from. */
export function HelpSheet({ open, onClose, viewer }: { open: boolean; onClose: () => void; viewer: boolean }) {
  const { t } = useTexts();
  return (
    <Modal open={open} onCancel={onClose} footer={null} title={t('help.title')} width={880}>
      <div className="help" data-testid="help">
        <div>
          {viewer && <Group group="viewer" title={t('help.viewer')} />}
          {!viewer && <Group group="list" title={t('help.list')} />}
        </div>
        <div>
          <Group group="general" title={t('help.general')} />
          {!viewer && <Group group="viewer" title={t('help.viewer')} />}
          {viewer && <Group group="list" title={t('help.list')} />}
          <Group group="screening" title={t('screen.title')} />
          <section>
            <h3>{t('help.mouse')}</h3>
            <dl className="keymap">
              {MOUSE.map(([what, does]) => (
                <div key={what}>
                  <dt>{t(what)}</dt>
                  <dd>{t(does)}</dd>
                </div>
              ))}
            </dl>
          </section>
          <p className="muted">{t('help.ime')}</p>
        </div>
      </div>
    </Modal>
  );
}
