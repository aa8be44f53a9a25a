import { useCallback, useRef, useState } from 'react';

/** How far from what is seen things are drawn, so that scrolling meets them there. */
const AHEAD = '1200px 0px';

/**
 * Whether an element is in sight or close to it; the first of the two goes to the element. What scrolls by itself inside
 * the page says so with `data-scrolls`.
 */
export function useNearby(): [(element: HTMLElement | null) => void, boolean] {
  const [isNear, setNear] = useState(false);
  const watch = useRef<IntersectionObserver>(undefined);
  const place = useCallback((element: HTMLElement | null) => {
    watch.current?.disconnect();
    if (!element) return;
    watch.current = new IntersectionObserver(([entry]) => setNear(entry?.isIntersecting === true), {
      root: element.closest('[data-scrolls]'),
      rootMargin: AHEAD,
    });
    watch.current.observe(element);
  }, []);
  return [place, isNear];
}
