import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { FlaskConical, Play, Snowflake } from 'lucide-react';
import { useState } from 'react';
import {
  getAppOptions,
  getParameterSetOptions,
  listEnvironmentsOptions,
  listParameterSetsOptions,
  listRunsOptions,
} from '../api/gen/@tanstack/react-query.gen';
import { rerun } from '../api/gen/sdk.gen';
import type { Environment, Run } from '../api/gen/types.gen';
import { textOf, type Value } from '../features/parameters/edits';
import { FreezeForm } from '../features/runs/FreezeForm';
import { EndRun, RegisterRun } from '../features/runs/RunDialogs';
import { SetCompare } from '../features/runs/SetCompare';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Select } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Status } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager, Table } from '../ui/Table';
import { Tabs } from '../ui/Tabs';
import { Time } from '../ui/Time';
import { live, useAct } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

/** Runs of programs, and the parameter sets that pin them. */
export function Runs() {
  const app = useIdOf('appId');
  const [search, change] = useFilters();
  const [isFreezing, freeze] = useState(false);
  const stages = useQuery(listEnvironmentsOptions({ path: { appId: app } })).data?.data ?? [];
  const canFreeze = useQuery(getAppOptions({ path: { appId: app } })).data?.allowed_actions.includes('register_runs');
  const { left, right } = search;
  return (
    <Page
      title="Runs"
      note="A run is pinned by a parameter set: everything that decides what it does, named by its content."
      actions={
        canFreeze && (
          <Button icon={Snowflake} onPress={() => freeze(true)}>
            Freeze parameters
          </Button>
        )
      }
    >
      <Tabs
        label="Runs and sets"
        selected={search.tab ?? 'runs'}
        onSelect={(tab) =>
          change({ tab: tab === 'runs' ? undefined : tab, page: undefined, state: undefined, view: undefined }, true)
        }
        parts={[
          { id: 'runs', label: 'Runs', content: <RunList app={app} stages={stages} /> },
          { id: 'sets', label: 'Parameter sets', content: <SetList app={app} stages={stages} /> },
          ...(left && right
            ? [{ id: 'compare', label: 'Compare', content: <SetCompare app={app} left={left} right={right} /> }]
            : []),
        ]}
      />
      {isFreezing && <FreezeForm app={app} stages={stages} onClose={() => freeze(false)} />}
    </Page>
  );
}

type ListProps = { app: string; stages: Environment[] };

function useStageFilter(stages: Environment[]) {
  const [search, change] = useFilters();
  const stage = stages.find(({ name }) => name === search.view);
  const select = (
    <Select
      label="Environment"
      hideLabel
      value={search.view ?? ''}
      onChange={(event) => change({ view: event.target.value, page: undefined })}
      choices={[{ value: '', label: 'All environments' }, ...stages.map(({ name }) => ({ value: name, label: name }))]}
    />
  );
  return { query: stage ? { environment: stage.id } : {}, select };
}

function RunList({ app, stages }: ListProps) {
  const [search, change] = useFilters();
  const [ending, end] = useState<Run | undefined>();
  const filter = useStageFilter(stages);
  const runs = useQuery({
    ...listRunsOptions({
      path: { appId: app },
      query: {
        ...filter.query,
        ...(search.state ? { status: search.state } : {}),
        ...(search.q ? { parameter_set: search.q } : {}),
        page: search.page ?? 1,
        limit: 25,
      },
    }),
    ...live,
  });
  const again = useAct((run: Run) => rerun({ path: { appId: app, runId: run.id }, body: {} }), {
    done: 'Registered again, with the identical set',
  });
  return (
    <Panel
      title="Newest first"
      aside={
        <span className="flex flex-wrap items-center gap-2">
          {search.q && (
            <Button small onPress={() => change({ q: undefined, page: undefined })}>
              Set {search.q.slice(0, 12)}, show all
            </Button>
          )}
          {filter.select}
          <Select
            label="State"
            hideLabel
            value={search.state ?? ''}
            onChange={(event) => change({ state: event.target.value, page: undefined })}
            choices={[
              { value: '', label: 'All states' },
              { value: 'running', label: 'Running' },
              { value: 'succeeded', label: 'Succeeded' },
              { value: 'failed', label: 'Failed' },
              { value: 'canceled', label: 'Canceled' },
            ]}
          />
        </span>
      }
    >
      <Loaded query={runs}>
        {({ data, page, limit, total }) =>
          data.length === 0 ? (
            <Empty icon={FlaskConical} title="No runs here">
              Freeze the parameters of an environment, then register a run with the set.
            </Empty>
          ) : (
            <>
              <Table label="Runs" head={['Run', 'Set', 'Environment', 'State', 'By', '']}>
                {data.map((run) => (
                  <tr key={run.id}>
                    <td>
                      <span className="font-medium">{run.kind}</span>
                      {run.rerun_of && <span className="text-sm text-soft">, again</span>}
                      <span className="block max-w-xs text-sm break-words text-soft">{run.description}</span>
                    </td>
                    <td>
                      <Link
                        to={paths.parameterSet(app, run.parameter_set_hash)}
                        className="font-mono text-sm text-accent hover:underline"
                      >
                        {run.parameter_set_hash.slice(0, 12)}
                      </Link>
                    </td>
                    <td>{stages.find(({ id }) => id === run.environment_id)?.name}</td>
                    <td>
                      <Status state={run.status} />
                      {run.note && <span className="block max-w-xs text-sm break-words text-soft">{run.note}</span>}
                      {run.results && (
                        <details>
                          <summary className="w-fit cursor-pointer rounded text-sm text-accent">Results</summary>
                          <pre className="max-w-sm overflow-x-auto font-mono text-xs">
                            {JSON.stringify(run.results, null, 2)}
                          </pre>
                        </details>
                      )}
                    </td>
                    <td>
                      {run.started_by}
                      <span className="block text-sm text-soft">
                        <Time at={run.started_at} />
                      </span>
                    </td>
                    <td>
                      <span className="flex justify-end gap-1.5">
                        {run.allowed_actions.includes('end') && (
                          <Button small onPress={() => end(run)}>
                            End
                          </Button>
                        )}
                        {run.allowed_actions.includes('rerun') && (
                          <Button small icon={Play} onPress={() => again.mutate(run)}>
                            Run again
                          </Button>
                        )}
                      </span>
                    </td>
                  </tr>
                ))}
              </Table>
              <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
            </>
          )
        }
      </Loaded>
      {ending && <EndRun app={app} run={ending} onClose={() => end(undefined)} />}
    </Panel>
  );
}

function SetList({ app, stages }: ListProps) {
  const [search, change] = useFilters();
  const [chosen, choose] = useState<string[]>([]);
  const filter = useStageFilter(stages);
  const sets = useQuery({
    ...listParameterSetsOptions({
      path: { appId: app },
      query: { ...filter.query, page: search.page ?? 1, limit: 25 },
    }),
    ...live,
  });
  const [first, second] = chosen;
  return (
    <Panel
      title="Newest first"
      aside={
        <span className="flex flex-wrap items-center gap-2">
          <Button
            small
            isDisabled={chosen.length !== 2}
            onPress={() =>
              // The older one is what was before.
              change({ tab: 'compare', left: second, right: first, page: undefined, view: undefined }, true)
            }
          >
            Compare two
          </Button>
          {filter.select}
        </span>
      }
    >
      <Loaded query={sets}>
        {({ data, page, limit, total }) =>
          data.length === 0 ? (
            <Empty icon={Snowflake} title="No parameter sets here">
              Freeze what an environment runs; the same content is always the same set.
            </Empty>
          ) : (
            <>
              <Table
                label="Parameter sets"
                head={['Compare', 'Set', 'Environment', 'Program', 'Factors', 'Runs', 'Frozen']}
              >
                {data.map((set) => (
                  <tr key={set.hash}>
                    <td>
                      <input
                        type="checkbox"
                        aria-label={`Compare ${set.hash.slice(0, 12)}`}
                        className="size-4 accent-accent"
                        checked={chosen.includes(set.hash)}
                        onChange={(event) => {
                          const next = event.target.checked
                            ? [...chosen, set.hash].slice(-2)
                            : chosen.filter((hash) => hash !== set.hash);
                          choose(data.map(({ hash }) => hash).filter((hash) => next.includes(hash)));
                        }}
                      />
                    </td>
                    <td>
                      <Link
                        to={paths.parameterSet(app, set.hash)}
                        className="font-mono text-sm font-semibold text-accent hover:underline"
                      >
                        {set.hash.slice(0, 12)}
                      </Link>
                    </td>
                    <td>
                      {set.environment}
                      <span className="block text-sm text-soft">
                        version {set.config_version}, {set.release_tag}
                      </span>
                    </td>
                    <td className="font-mono text-sm break-all">{set.code_version}</td>
                    <td className="max-w-xs text-sm break-words">{Object.keys(set.factors).join(', ') || 'none'}</td>
                    <td className="tabular-nums">{set.runs}</td>
                    <td>
                      {set.frozen_by}
                      <span className="block text-sm text-soft">
                        <Time at={set.frozen_at} />
                      </span>
                    </td>
                  </tr>
                ))}
              </Table>
              <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

/** One parameter set. */
export function SetPage() {
  const app = useIdOf('appId');
  const hash = useIdOf('hash');
  const [isRegistering, register] = useState(false);
  const set = useQuery(getParameterSetOptions({ path: { appId: app, hash } }));
  const values = (all: Record<string, unknown>) =>
    Object.entries(all).map(([name, value]) => (
      <tr key={name}>
        <td className="font-medium break-all">{name}</td>
        <td className="font-mono text-sm break-all whitespace-pre-wrap">{textOf(value as Value)}</td>
      </tr>
    ));
  return (
    <Page
      title={`Parameter set ${hash.slice(0, 12)}`}
      crumbs={[{ label: 'Runs', to: paths.runs(app) }]}
      note={<span className="font-mono text-sm break-all">{hash}</span>}
      actions={
        set.data && (
          <Button look="primary" icon={Play} onPress={() => register(true)}>
            Register a run
          </Button>
        )
      }
    >
      <Loaded query={set} rows={10}>
        {(data) => (
          <>
            <p>
              {data.environment}, version {data.config_version} of {data.release_tag}; program{' '}
              <code className="font-mono text-sm">{data.code_version}</code>; frozen by {data.frozen_by},{' '}
              <Time at={data.frozen_at} />.{' '}
              <Link to={paths.runs(app)} search={{ q: hash } as never} className="text-accent underline">
                Its runs
              </Link>
            </p>
            {Object.keys(data.factors).length > 0 && (
              <Panel title="Factors">
                <Table label="Factors" head={['Name', 'Value']}>
                  {values(data.factors)}
                </Table>
              </Panel>
            )}
            <Panel title="Values of a run">
              <Table label="Values of a run" head={['Parameter', 'Value']}>
                {values(data.values)}
              </Table>
            </Panel>
          </>
        )}
      </Loaded>
      {isRegistering && <RegisterRun app={app} hash={hash} onClose={() => register(false)} />}
    </Page>
  );
}
