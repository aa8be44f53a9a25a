import type { Worker } from '../../api/gen/types.gen';
import { words } from '../../ui/Status';
import { Time } from '../../ui/Time';
import { lagOf } from './fleet';

const BOUNDARIES: Record<string, string> = {
  decision_cycle_end: 'the end of a decision cycle',
  position_close: 'the close of a position',
  restart: 'a restart',
};

/** A worker: what it runs, and why it does not run what is active. The keys of the list move from one to the next. */
export function WorkerRow({ worker, isFirst }: { worker: Worker; isFirst: boolean }) {
  const lag = lagOf(worker);
  return (
    <li
      data-worker
      tabIndex={isFirst ? 0 : -1}
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t border-line px-4 py-2 -outline-offset-2"
    >
      <div className="min-w-40 flex-1">
        <span className="font-medium break-all">{worker.name}</span>
        <span className="block text-sm text-soft">
          {worker.library}, heard <Time at={worker.heard_at} />
          {worker.stale && ', what it runs comes from its disk'}
        </span>
        {worker.pending.length > 0 && (
          <ul className="text-sm">
            {worker.pending.map(({ name, boundary }) => (
              <li key={name} className="break-words">
                {name} waits for {BOUNDARIES[boundary] ?? words(boundary).toLowerCase()}
              </li>
            ))}
          </ul>
        )}
        {worker.restart_required.length > 0 && (
          <span className="block text-sm break-words text-warn">
            At its next start: {worker.restart_required.join(', ')}
          </span>
        )}
        {worker.refused && (
          <span className="block break-words text-bad">
            Refuses version {worker.refused.version}: {worker.refused.reason}
          </span>
        )}
        {worker.problem && !worker.refused && <span className="block break-words text-bad">{worker.problem}</span>}
        {worker.forbidden_applications > 0 && (
          <span className="block text-bad">
            {worker.forbidden_applications} values were applied where that is forbidden; its library is at fault
          </span>
        )}
      </div>
      <span className="text-right text-soft tabular-nums">
        {worker.applied ? `Version ${worker.applied.config_version}` : 'Nothing applied yet'}
        {lag && <span className="block text-sm">{lag}</span>}
      </span>
    </li>
  );
}
