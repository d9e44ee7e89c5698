import { Button, Modal } from 'antd';
import { useTexts, type Key } from '../i18n';
import { useHabits } from './habits';
import type { Binding } from './keys';
import { keyLabel } from './keymap';
import { navigate } from './router';

function Group({ group, title }: { group: Binding['group']; title: string }) {
  const { t } = useTexts();
  const { bindings } = useHabits();
  return (
    <section>
      <h3>{title}</h3>
      <dl className="keymap">
        {bindings.filter((binding) => binding.group === group).map((binding) => (
          <div key={binding.command}>
            <dt>
              {binding.keys.map((key) => (
                <kbd key={key}>{keyLabel(key)}</kbd>
              ))}
            </dt>
            <dd>{t(binding.label)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function MouseMap() {
  const { t } = useTexts();
  const { mouse } = useHabits();
  const rows: [Key, string][] = [
    ['mouse.wheel', t(mouse.wheel === 'scroll' ? 'mouse.wheelDoes' : 'tool.zoom')],
    ['mouse.ctrlWheel', t(mouse.wheel === 'scroll' ? 'mouse.ctrlWheelDoes' : 'mouse.wheelDoes')],
    ['mouse.left', t('mouse.leftDoes', { tool: t(`tool.${mouse.left}`) })],
    ['mouse.middle', t(`tool.${mouse.middle}`)],
    ['mouse.right', t(`tool.${mouse.right}`)],
  ];
  return (
    <section>
      <h3>{t('help.mouse')}</h3>
      <dl className="keymap">
        {rows.map(([what, does]) => (
          <div key={what}>
            <dt>{t(what)}</dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

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
          <Group group="room" title={t('help.room')} />
          <MouseMap />
          <p className="muted">{t('help.ime')}</p>
          <Button size="small" onClick={() => { onClose(); navigate('/keys'); }}>
            {t('habits.change')}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
