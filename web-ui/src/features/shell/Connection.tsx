import { CloudOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useStanding } from '../../util/follow';

/** A hiccup shorter than this is not told, in milliseconds. */
const HICCUP = 1_500;

/** Says that what is shown may be old, as long as it may be. */
export function Connection() {
  const isLost = useStanding() === 'lost';
  const [isTold, tell] = useState(false);
  useEffect(() => {
    if (!isLost) return tell(false);
    const timer = window.setTimeout(() => tell(true), HICCUP);
    return () => window.clearTimeout(timer);
  }, [isLost]);
  return (
    <div role="status" className="sticky top-0 z-20">
      {isTold && (
        <p className="flex items-center gap-2 border-b border-line bg-warn-tint px-4 py-1.5 text-warn">
          <CloudOff aria-hidden size={14} className="shrink-0" /> Connection lost. What you see may be old; trying
          again.
        </p>
      )}
    </div>
  );
}
