import { useQuery } from '@tanstack/react-query';
import { listWorkersOfVersionOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { WorkerReach } from '../../api/gen/types.gen';
import { Panel } from '../../ui/Page';
import { Badge, words } from '../../ui/Status';
import { Loaded } from '../../ui/states';
import { Time } from '../../ui/Time';
import { live } from '../../util/act';
import { WORKER_STATES } from './workerStates';

const REACH: [keyof WorkerReach, string][] = [
  ['refused', 'refused'],
  ['lagging', 'lagging'],
  ['restart_required', 'restart_required'],
  ['waiting', 'waiting'],
  ['applied', 'current'],
];
/** How many of those that ran a version are named; the environment's page finds any of them. */
const NAMED = 100;

type WhoRanProps = { path: { appId: string; envId: string; version: number }; reach: WorkerReach | null | undefined };

/** How far the workers that live have come with a version, and which ones ever ran it, since when. */
export function WhoRan({ path, reach }: WhoRanProps) {
  const ran = useQuery({ ...listWorkersOfVersionOptions({ path }), ...live });
  return (
    <>
      {reach && (
        <Panel title="How far workers have come">
          <p className="flex flex-wrap items-center gap-2 px-4 py-3">
            {reach.workers === 0 && <span className="text-soft">No worker that lives follows this environment.</span>}
            {REACH.filter(([count]) => reach[count] > 0).map(([count, state]) => {
              const [tone, word] = WORKER_STATES[state] ?? ['neutral', words(state)];
              return (
                <Badge key={count} tone={tone}>
                  {reach[count]} {word.toLowerCase()}
                </Badge>
              );
            })}
          </p>
        </Panel>
      )}
      <Panel title={`Ran version ${path.version}`}>
        <Loaded query={ran}>
          {({ data }) =>
            data.length === 0 ? (
              <p className="px-4 py-3 text-soft">No worker has said that it ran it.</p>
            ) : (
              <>
                <ul className="py-1">
                  {data.slice(0, NAMED).map((worker) => (
                    <li key={worker.session_id} className="flex flex-wrap justify-between gap-x-4 px-4 py-1">
                      <span className="font-medium break-all">{worker.name}</span>
                      <span className="text-sm text-soft">
                        since <Time at={worker.applied_at} />
                      </span>
                    </li>
                  ))}
                </ul>
                {data.length > NAMED && (
                  <p className="border-t border-line px-4 py-2 text-soft">And {data.length - NAMED} more.</p>
                )}
              </>
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}
