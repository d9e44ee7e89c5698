/** A tool: a sign or a short word, with its key in the corner and its name for hover and screen readers. */
import { Dropdown } from 'antd';
import type { ReactNode } from 'react';
import { useLiveKeys } from '../app/habits';
import { Icon, type Sign } from './icons';

interface Tooled {
  keyName: string;
  label: string;
  sign?: Sign;
  disabled?: boolean;
}

/** The key in a button's corner: drawn by the sheet of styles, since it is no part of the button's name. */
function KeyMark({ name }: { name: string }) {
  return name === '' ? null : <kbd aria-hidden="true" data-key={name} />;
}

export function ToolButton({ on, keyName: standard, label, sign, onClick, children, disabled }: Tooled & { on?: boolean; onClick: () => void; children?: ReactNode }) {
  const keyName = useLiveKeys()(standard);
  return (
    <button type="button" className={`tool${sign === undefined ? '' : ' signed'}`} aria-pressed={on} aria-label={label} title={keyName === '' ? label : `${label} (${keyName})`} onClick={onClick} disabled={disabled}>
      {sign !== undefined ? <Icon sign={sign} /> : (children ?? label)}
      <KeyMark name={keyName} />
    </button>
  );
}

export interface ToolItem {
  id: string;
  label: string;
  keyName: string;
  sign?: Sign;
  on?: boolean;
  act: () => void;
}

/** Tools behind one button. The menu takes the focus, so that it is left and chosen by keys; `face` is what the button shows. */
export function ToolMenu({ label, keyName: standard, face, sign, items, on, disabled, testId }: Tooled & { face?: string; items: readonly ToolItem[]; on?: boolean; testId?: string }) {
  const live = useLiveKeys();
  const keyName = live(standard);
  const shown = items.filter((item) => item.on === true).map((item) => item.id);
  return (
    <Dropdown
      trigger={['click']}
      autoFocus
      disabled={disabled ?? false}
      menu={{
        className: 'tool-menu',
        selectedKeys: shown,
        items: items.map((item) => ({
          key: item.id,
          label: (
            <span className="tool-item">
              {item.sign !== undefined && <Icon sign={item.sign} />}
              <span className="grow">{item.label}</span>
              <KeyMark name={live(item.keyName)} />
            </span>
          ),
          onClick: item.act,
        })),
      }}
    >
      <button type="button" className={`tool${sign === undefined ? '' : ' signed'}`} aria-haspopup="menu" aria-label={face === undefined ? label : `${label}: ${face}`} aria-pressed={on} title={keyName === '' ? label : `${label} (${keyName})`} disabled={disabled} data-testid={testId}>
        {sign !== undefined ? <Icon sign={sign} /> : face}
        <span className="tool-more" aria-hidden="true">
          ▾
        </span>
      </button>
    </Dropdown>
  );
}
