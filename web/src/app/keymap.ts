/** A person's own keys over the page's map. Pure. */
import { BINDINGS, type Binding } from './keys';

/** Keys by command, only where they differ from the page's own; an empty list takes a command's keys away. */
export type Changed = Readonly<Record<string, readonly string[]>>;

export const MOST_KEYS = 4;

/** Keys that are the browser's or the form's own, whatever a person wishes. */
const TAKEN = /^(Tab|Shift|Control|Alt|Meta|CapsLock|NumLock|ContextMenu|Process|Unidentified|Dead|F\d+|Ctrl\+.*)$/;

export const mayBeBound = (key: string): boolean => !TAKEN.test(key) && /^[\x20-\x7e]+$/.test(key);

/** The live map. A command that the person never touched keeps the page's keys, unless one of them was given away. */
export function mapped(changed: Changed, bindings: readonly Binding[] = BINDINGS): readonly Binding[] {
  return bindings.map((binding) => {
    const own = changed[binding.command];
    if (own !== undefined) return { ...binding, keys: [...own] };
    const keys = binding.keys.filter((key) => !given(changed, key, binding, bindings));
    return keys.length === binding.keys.length ? binding : { ...binding, keys };
  });
}

const meet = (a: Binding, b: Binding) => a.group === b.group || a.group === 'general' || b.group === 'general';

/** A later version of the page may use a key that this person had given to another command. */
function given(changed: Changed, key: string, to: Binding, bindings: readonly Binding[]): boolean {
  return bindings.some((other) => other.command !== to.command && meet(other, to) && changed[other.command]?.includes(key) === true);
}

/** Who has the key where `command` is served; null for nobody. */
export function holderOf(live: readonly Binding[], command: string, key: string): Binding | null {
  const wanting = live.find((binding) => binding.command === command);
  if (wanting === undefined) return null;
  return live.find((binding) => binding.command !== command && meet(binding, wanting) && binding.keys.includes(key)) ?? null;
}

const same = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((key, index) => key === b[index]);

/** `changed` with other keys for a command; what is the page's own again is not kept. */
export function withKeys(changed: Changed, command: string, keys: readonly string[], bindings: readonly Binding[] = BINDINGS): Changed {
  const rest = Object.fromEntries(Object.entries(changed).filter(([name]) => name !== command));
  const own = bindings.find((binding) => binding.command === command)?.keys ?? [];
  return same(own, keys) ? rest : { ...rest, [command]: keys.slice(0, MOST_KEYS) };
}

const NAMES: Record<string, string> = { ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', ' ': '␣', Escape: 'Esc', PageDown: 'PgDn', PageUp: 'PgUp', Delete: 'Del', Backspace: '⌫', Enter: '↵' };

/** A key as it is written on the screen. */
export function keyLabel(key: string): string {
  const bare = key.replace('Ctrl+', '').replace('Shift+', '');
  return `${key.includes('Ctrl+') ? '^' : ''}${key.includes('Shift+') ? '⇧' : ''}${NAMES[bare] ?? (bare.length === 1 ? bare.toUpperCase() : bare)}`;
}
