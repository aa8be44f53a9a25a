import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Boxes, SlidersHorizontal } from 'lucide-react';
import { listEnvironmentDeploymentsOptions, listEnvironmentsOptions } from '../api/gen/@tanstack/react-query.gen';
import { Deployments } from '../features/environments/Deployments';
import { PutOn } from '../features/environments/PutOn';
import { Workers } from '../features/environments/Workers';
import { FreezeWindows } from '../features/freezes/FreezeWindows';
import { FreezeBanner } from '../features/freezes/useFreeze';
import { History } from '../features/parameters/History';
import { paths } from '../paths';
import { buttonLook } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Badge } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager } from '../ui/Table';
import { Tabs } from '../ui/Tabs';
import { Time } from '../ui/Time';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

export function EnvironmentPage() {
  const path = { appId: useIdOf('appId'), envId: useIdOf('envId') };
  const [search, change] = useFilters();
  const stages = useQuery({ ...listEnvironmentsOptions({ path: { appId: path.appId } }), ...live });
  const deployments = useQuery({
    ...listEnvironmentDeploymentsOptions({ path, query: { page: search.page ?? 1, limit: 25 } }),
    ...live,
  });
  const list = stages.data?.data ?? [];
  const at = list.findIndex(({ id }) => id === path.envId);
  const stage = list[at];
  const crumbs = [{ label: 'Environments', to: paths.environments(path.appId) }];
  if (!stage) {
    return (
      <Page title="Environment" crumbs={crumbs}>
        <Panel>
          <Loaded query={stages}>{() => <Empty icon={Boxes} title="There is no such environment" />}</Loaded>
        </Panel>
      </Page>
    );
  }
  const { running } = stage;
  return (
    <Page
      title={stage.name}
      crumbs={crumbs}
      status={
        <>
          {stage.canonical && <Badge tone="info">Canonical</Badge>}
          {stage.promotion_hold && <Badge tone="warn">Promotion held: {stage.promotion_hold}</Badge>}
        </>
      }
      actions={
        <>
          <Link to={paths.parameters(path.appId, path.envId)} className={buttonLook('plain')}>
            <SlidersHorizontal aria-hidden size={14} /> Parameters
          </Link>
          <PutOn app={path.appId} stage={stage} before={list[at - 1]} />
        </>
      }
    >
      <FreezeBanner stage={stage} />
      <Panel title="Runs now">
        {running ? (
          <dl className="grid gap-x-6 gap-y-2 px-4 py-3 [grid-template-columns:repeat(auto-fit,minmax(9rem,1fr))] [&_dt]:text-sm [&_dt]:text-soft">
            <div>
              <dt>Release</dt>
              <dd>
                <Link
                  to={paths.release(path.appId, running.release_id)}
                  className="font-mono font-semibold hover:underline"
                >
                  {running.release_tag}
                </Link>
              </dd>
            </div>
            <div>
              <dt>Config version</dt>
              <dd className="tabular-nums">{running.config_version}</dd>
            </div>
            <div>
              <dt>Profile revision</dt>
              <dd className="tabular-nums">{running.profile_revision}</dd>
            </div>
            <div>
              <dt>Tree</dt>
              <dd className="font-mono text-sm">{running.tree_id.slice(0, 12)}</dd>
            </div>
            <div>
              <dt>Since</dt>
              <dd>
                <Time at={running.activated_at} />
              </dd>
            </div>
          </dl>
        ) : (
          <Empty icon={Boxes} title="Nothing runs here yet">
            {at === 0 ? 'Deploy a published release.' : 'Promote what the stage before runs.'}
          </Empty>
        )}
      </Panel>
      <Workers path={path} />
      <Tabs
        label="Parts of the environment"
        selected={search.tab ?? 'deployments'}
        onSelect={(tab) => change({ tab: tab === 'deployments' ? undefined : tab, page: undefined }, true)}
        parts={[
          {
            id: 'deployments',
            label: 'Deployments',
            content: (
              <Panel>
                <Loaded query={deployments}>
                  {({ data, page, limit, total }) => (
                    <>
                      <Deployments app={path.appId} list={data} stages={list} />
                      <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
                    </>
                  )}
                </Loaded>
              </Panel>
            ),
          },
          {
            id: 'history',
            label: 'Versions',
            content: (
              <Panel>
                <History path={path} stage={stage} />
              </Panel>
            ),
          },
          { id: 'freezes', label: 'Freezes', content: <FreezeWindows path={path} /> },
        ]}
      />
    </Page>
  );
}
