import type { KeyboardEvent, RefObject } from 'react';

/**
 * Keys among rows that are drawn only where they are seen: up and down, or `k` and `j`, go to the neighbour, Home and End to
 * the ends. A part that is not drawn is scrolled to first, and its row takes the focus once it is there.
 */
export function useRows(rows: RefObject<HTMLDivElement | null>) {
  const seen = () => [...(rows.current?.querySelectorAll<HTMLElement>('[data-worker]') ?? [])];
  const focus = (row: HTMLElement | undefined) => {
    if (!row) return false;
    for (const other of seen()) other.tabIndex = other === row ? 0 : -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: 'nearest' });
    return true;
  };
  const toEnd = (end: 'first' | 'last') => {
    const parts = [...(rows.current?.querySelectorAll<HTMLElement>('details[open] [data-part]') ?? [])];
    const part = end === 'first' ? parts[0] : parts.at(-1);
    if (!part) return false;
    const inside = () => {
      const list = [...part.querySelectorAll<HTMLElement>('[data-worker]')];
      return focus(end === 'first' ? list[0] : list.at(-1));
    };
    if (inside()) return true;
    const drawn = new MutationObserver(() => inside() && drawn.disconnect());
    drawn.observe(part, { childList: true });
    part.scrollIntoView({ block: end === 'first' ? 'start' : 'end' });
    return true;
  };
  return {
    /** From the search to the first row, if there is one. */
    toFirst: () => toEnd('first'),
    onKeyDown: (event: KeyboardEvent) => {
      const list = seen();
      const at = list.indexOf(event.target as HTMLElement);
      if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const moves: Record<string, () => boolean> = {
        ArrowDown: () => focus(list[at + 1]),
        j: () => focus(list[at + 1]),
        ArrowUp: () => focus(list[at - 1]),
        k: () => focus(list[at - 1]),
        Home: () => toEnd('first'),
        End: () => toEnd('last'),
      };
      if (moves[event.key]?.()) {
        event.preventDefault();
        event.stopPropagation();
      }
    },
  };
}
