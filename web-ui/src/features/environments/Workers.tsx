import { useQuery } from '@tanstack/react-query';
import { ChevronRight } from 'lucide-react';
import { useRef } from 'react';
import { listWorkersOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { Worker } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { inputLook, Select } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { Badge } from '../../ui/Status';
import { Loaded } from '../../ui/states';
import { live } from '../../util/act';
import { useFilters } from '../../util/where';
import { countBy, grouped, stateName, versionOf } from './fleet';
import { useRows } from './useRows';
import { WorkerParts } from './WorkerParts';
import { fleetOf, WORKER_STATES } from './workerStates';

/** More workers than these are searched and sorted. */
const FEW = 3;

/** The workers of an environment: what each runs, and why it does not run what is active. */
export function Workers({ path }: { path: { appId: string; envId: string } }) {
  const workers = useQuery({ ...listWorkersOptions({ path }), ...live });
  return (
    <Panel title="Workers">
      <Loaded query={workers}>
        {({ active_version: active, data }) =>
          data.length === 0 ? (
            <p className="px-4 py-3 text-soft">
              None follows this environment. Programs do with a service token of it.
            </p>
          ) : (
            <Fleet active={active ?? 0} workers={data} />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Fleet({ active, workers }: { active: number; workers: Worker[] }) {
  const [search, change] = useFilters();
  const rows = useRef<HTMLDivElement>(null);
  const keys = useRows(rows);
  const order = search.view === 'lag' ? 'lag' : 'name';
  const groups = grouped(workers, { text: search.q, state: search.state, version: search.at, order });
  const states = countBy(workers, ({ state }) => state);
  const versions = [...countBy(workers, versionOf)].sort(([one], [other]) => other - one);
  const found = groups.reduce((sum, group) => sum + group.workers.length, 0);
  const isSearched = Boolean(search.q || search.state || search.at);
  const all = () => change({ q: undefined, state: undefined, at: undefined });
  return (
    <>
      <p role="status" className="px-4 pt-3 pb-2">
        {fleetOf(Object.fromEntries(states)).text}
        <span className="text-soft">
          {states.has('stopped') && `, and ${states.get('stopped')} stopped`}
          {active > 0 && `. Version ${active} is active`}
          {isSearched && `. ${found} of ${workers.length} shown`}
        </span>
      </p>
      {workers.length > FEW && (
        <div className="flex flex-col gap-2 px-4 pb-3">
          <fieldset className="flex flex-wrap gap-1.5">
            <legend className="sr-only">State</legend>
            {Object.keys(WORKER_STATES)
              .filter((state) => states.has(state) || search.state === state)
              .map((state) => (
                <button
                  key={state}
                  type="button"
                  aria-pressed={search.state === state}
                  onClick={() => change({ state: search.state === state ? undefined : state })}
                  className="h-7 rounded-full border border-edge px-2.5 text-sm text-soft hover:bg-hover aria-pressed:border-accent aria-pressed:bg-tint aria-pressed:text-accent"
                >
                  {stateName(state)} <span className="tabular-nums">{states.get(state) ?? 0}</span>
                </button>
              ))}
          </fieldset>
          <div className="grid gap-2 [grid-template-columns:repeat(auto-fit,minmax(9rem,1fr))]">
            <input
              type="search"
              aria-label="Find a worker by its name"
              aria-keyshortcuts="ArrowDown"
              placeholder="Find by name"
              className={inputLook}
              value={search.q ?? ''}
              onChange={(event) => change({ q: event.target.value })}
              onKeyDown={(event) => {
                if (event.key === 'ArrowDown' && keys.toFirst()) event.preventDefault();
              }}
            />
            <Select
              label="Version that they run"
              hideLabel
              value={search.at ?? ''}
              onChange={(event) => change({ at: event.target.value })}
              choices={[
                { value: '', label: 'Any version' },
                ...versions.map(([version, count]) => ({
                  value: String(version),
                  label: `${version === 0 ? 'Nothing applied' : `Version ${version}`} (${count})`,
                })),
              ]}
            />
            <Select
              label="Order"
              hideLabel
              value={order}
              onChange={(event) => change({ view: event.target.value === 'lag' ? 'lag' : undefined })}
              choices={[
                { value: 'name', label: 'By name' },
                { value: 'lag', label: 'Furthest behind first' },
              ]}
            />
          </div>
        </div>
      )}
      {groups.length === 0 && (
        <div className="flex flex-wrap items-center gap-3 border-t border-line px-4 py-4 text-soft">
          No worker is like that.
          <Button small onPress={all}>
            Show all {workers.length}
          </Button>
        </div>
      )}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys move the focus among the rows in it */}
      <div ref={rows} data-scrolls onKeyDown={keys.onKeyDown} className="relative max-h-[70vh] overflow-y-auto">
        {groups.map((group, at) => (
          <details key={group.state} className="group" open={group.state !== 'stopped' || groups.length === 1}>
            <summary className="sticky top-0 z-1 flex cursor-pointer items-center gap-2 border-t border-line bg-sunken px-4 py-1.5">
              <ChevronRight aria-hidden size={14} className="text-soft group-open:rotate-90" />
              <h3>
                <Badge tone={WORKER_STATES[group.state]?.[0] ?? 'neutral'}>{stateName(group.state)}</Badge>
              </h3>
              <span className="text-sm text-soft tabular-nums">{group.workers.length}</span>
            </summary>
            <WorkerParts workers={group.workers} isFirst={at === 0} />
          </details>
        ))}
      </div>
    </>
  );
}
