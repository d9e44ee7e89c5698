import { describe, expect, it } from 'vitest';
import { BINDINGS, commandOf } from '../src/app/keys';
import { holderOf, keyLabel, mapped, mayBeBound, MOST_KEYS, withKeys } from '../src/app/keymap';

const keysOf = (map: ReturnType<typeof mapped>, command: string) => map.find((binding) => binding.command === command)?.keys;

describe("a person's own keys", () => {
  it('change nothing where nothing was changed', () => {
    expect(mapped({})).toEqual(BINDINGS);
  });

  it('replace the keys of their command and of no other', () => {
    const live = mapped({ 'view.tool.length': ['5'] });
    expect(keysOf(live, 'view.tool.length')).toEqual(['5']);
    expect(live.filter((binding, at) => binding.keys !== BINDINGS[at]?.keys).map((binding) => binding.command)).toEqual(['view.tool.length']);
    expect(commandOf('5', new Set(['view.tool.length']), live)).toBe('view.tool.length');
    expect(commandOf('d', new Set(['view.tool.length']), live)).toBeNull();
  });

  it('win over a key that the page gave to another command', () => {
    const live = mapped({ 'view.tool.length': ['i'] }); // invert is on "i"
    expect(keysOf(live, 'view.tool.length')).toEqual(['i']);
    expect(keysOf(live, 'view.invert')).toEqual([]);
    // The same key on another page is another page's business.
    expect(keysOf(mapped({ 'view.tool.length': ['/'] }), 'list.search')).toEqual(['/']);
  });

  it('are told who holds a key where the command is served', () => {
    const live = mapped({});
    expect(holderOf(live, 'view.tool.length', 'w')?.command).toBe('view.tool.window');
    expect(holderOf(live, 'view.tool.length', 'd')).toBeNull();
    expect(holderOf(live, 'list.search', 'w')).toBeNull();
    expect(holderOf(live, 'list.search', '?')?.command).toBe('help');
    expect(holderOf(live, 'help', 'w')?.command).toBe('view.tool.window');
  });

  it('are kept only where they differ', () => {
    const changed = withKeys({}, 'view.tool.length', ['5']);
    expect(changed).toEqual({ 'view.tool.length': ['5'] });
    expect(withKeys(changed, 'view.tool.length', ['d'])).toEqual({});
    expect(withKeys({}, 'view.tool.length', [])).toEqual({ 'view.tool.length': [] });
    expect(withKeys({}, 'view.next', ['1', '2', '3', '4', '5'])['view.next']).toHaveLength(MOST_KEYS);
  });

  it('are never the browser\'s own', () => {
    for (const key of ['Tab', 'F5', 'F12', 'Ctrl+Z', 'Shift', 'Meta', 'Process', '中']) expect(mayBeBound(key)).toBe(false);
    for (const key of ['a', 'Shift+A', ' ', 'ArrowUp', '[', 'Delete', 'PageDown']) expect(mayBeBound(key)).toBe(true);
  });

  it('have short names', () => {
    expect([keyLabel('a'), keyLabel('Shift+A'), keyLabel('Ctrl+Shift+Z'), keyLabel(' '), keyLabel('PageDown')]).toEqual(['A', '⇧A', '^⇧Z', '␣', 'PgDn']);
  });
});
