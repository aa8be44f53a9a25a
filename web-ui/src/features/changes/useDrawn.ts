import { startTransition, useEffect, useState } from 'react';

/** How many are drawn at once: more than a screen shows. */
const FIRST = 12;
/** How many follow at a time. */
const STEP = 24;

/** How many of a long list are drawn by now: the first at once, the others bit by bit while nothing else is to be done. */
export function useDrawn(total: number): number {
  const [drawn, draw] = useState(FIRST);
  useEffect(() => {
    if (drawn >= total) return;
    const timer = window.setTimeout(() => startTransition(() => draw(drawn + STEP)));
    return () => window.clearTimeout(timer);
  }, [drawn, total]);
  return drawn;
}
