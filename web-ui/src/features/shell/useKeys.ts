import { useEffect, useRef } from 'react';

type Keys = Record<string, () => void>;

/** True where a key is text for a field. */
const types = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

/**
 * Does what a key, or two keys in a row (`g c`), stand for. Single keys rest while one types and while a dialog is
 * open; those with Ctrl or Cmd (`mod+k`) do not.
 */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    let before = '';
    let since = 0;
    const press = (event: KeyboardEvent) => {
      const mod = event.ctrlKey || event.metaKey;
      if (!mod && (types(event.target) || event.altKey || document.querySelector('[role=dialog]'))) return;
      const sequence = event.timeStamp - since < 1500 ? `${before} ${event.key}` : '';
      // After `g`, which leads somewhere, a key stands for nothing by itself, also where another part knows the two.
      const single = mod || sequence.startsWith('g ') ? '' : event.key;
      const act = latest.current[mod ? `mod+${event.key}` : sequence] ?? latest.current[single];
      before = event.key;
      since = event.timeStamp;
      if (!act) return;
      event.preventDefault();
      before = '';
      act();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}
