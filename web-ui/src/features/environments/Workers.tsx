import { useQuery } from '@tanstack/react-query';
import { listWorkersOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { Worker } from '../../api/gen/types.gen';
import { Panel } from '../../ui/Page';
import { Badge, words } from '../../ui/Status';
import { Loaded } from '../../ui/states';
import { Time } from '../../ui/Time';
import { live } from '../../util/act';
import { lengthOf } from '../freezes/schedule';
import { WORKER_STATES } from './workerStates';

const BOUNDARIES: Record<string, string> = {
  decision_cycle_end: 'the end of a decision cycle',
  position_close: 'the close of a position',
  restart: 'a restart',
};

/** How far a worker is behind, in words; nothing where it is not. */
function lagOf({ lag_versions, lag_seconds }: Worker): string {
  if (lag_versions === 0) return '';
  const versions = `${lag_versions} ${lag_versions === 1 ? 'version' : 'versions'} behind`;
  const length = lag_seconds < 60 ? `${Math.round(lag_seconds)} seconds` : lengthOf(Math.round(lag_seconds / 60));
  return `${versions}, for ${length}`;
}

/** The workers of an environment: what each runs, and why it does not run what is active. */
export function Workers({ path }: { path: { appId: string; envId: string } }) {
  const workers = useQuery({ ...listWorkersOptions({ path }), ...live });
  return (
    <Panel title="Workers">
      <Loaded query={workers}>
        {({ data }) =>
          data.length === 0 ? (
            <p className="px-4 py-3 text-soft">
              None follows this environment. Programs do with a service token of it.
            </p>
          ) : (
            <ul>
              {data.map((worker) => {
                const [tone, word] = WORKER_STATES[worker.state] ?? ['neutral', words(worker.state)];
                const lag = lagOf(worker);
                return (
                  <li
                    key={worker.session_id}
                    className="flex flex-wrap items-center gap-3 border-t border-line px-4 py-2 first:border-t-0"
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
                      {worker.problem && !worker.refused && (
                        <span className="block break-words text-bad">{worker.problem}</span>
                      )}
                      {worker.forbidden_applications > 0 && (
                        <span className="block text-bad">
                          {worker.forbidden_applications} values were applied where that is forbidden; its library is at
                          fault
                        </span>
                      )}
                    </div>
                    <span className="text-right text-soft tabular-nums">
                      {worker.applied ? `Version ${worker.applied.config_version}` : 'Nothing applied yet'}
                      {lag && <span className="block text-sm">{lag}</span>}
                    </span>
                    <Badge tone={tone}>{word}</Badge>
                  </li>
                );
              })}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}
