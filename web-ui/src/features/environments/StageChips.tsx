import { ChevronRight } from 'lucide-react';
import type { StageOfApp } from '../../api/gen/types.gen';

/** What each stage runs, on one line. */
export function StageChips({ stages }: { stages: StageOfApp[] }) {
  if (stages.length === 0) return <span className="text-sm text-soft">No environments yet</span>;
  return (
    <span className="flex flex-wrap items-center gap-1 text-sm">
      {stages.map(({ id, name, release_tag }, at) => (
        <span key={id} className="flex items-center gap-1">
          {at > 0 && <ChevronRight aria-hidden size={12} className="text-soft" />}
          <span className="rounded bg-sunken px-1.5 py-0.5">
            {name} <span className="text-soft">{release_tag ?? 'empty'}</span>
          </span>
        </span>
      ))}
    </span>
  );
}
