import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Equal } from 'lucide-react';
import {
  getDeploymentOptions,
  getDeploymentRecordOptions,
  listEnvironmentsOptions,
  previewReleaseOptions,
} from '../api/gen/@tanstack/react-query.gen';
import { cancelDeployment } from '../api/gen/sdk.gen';
import type { Deployment, Environment } from '../api/gen/types.gen';
import { counted, Prose, SemanticList } from '../features/changes/SemanticList';
import { Approve } from '../features/environments/Approve';
import { DeploymentChanges, DeploymentLines } from '../features/environments/DeploymentChanges';
import { DeploymentLog } from '../features/environments/DeploymentLog';
import { DeploymentState } from '../features/environments/DeploymentState';
import { KINDS } from '../features/environments/Deployments';
import { WhoRan } from '../features/environments/WhoRan';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Status, words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Tabs } from '../ui/Tabs';
import { Time } from '../ui/Time';
import { live, useAct } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

const isUnderWay = ({ state }: Deployment) => ['pending', 'running'].includes(state);

/** A deployment: how it came about, how it ended, and how far it has come. */
export function DeploymentPage() {
  const app = useIdOf('appId');
  const path = { appId: app, deploymentId: useIdOf('deploymentId') };
  const deployment = useQuery({ ...getDeploymentOptions({ path }), ...live });
  const stages = useQuery({ ...listEnvironmentsOptions({ path: { appId: app } }), ...live });
  const cancel = useAct(() => cancelDeployment({ path, body: {} }), { done: 'Canceled' });
  const { data } = deployment;
  const stage = stages.data?.data.find(({ id }) => id === data?.environment_id);
  return (
    <Page
      title={data ? `${data.tag} on ${stage?.name ?? ''}` : 'Deployment'}
      crumbs={[
        { label: 'Environments', to: paths.environments(app) },
        ...(stage ? [{ label: stage.name, to: paths.environment(app, stage.id) }] : []),
      ]}
      status={data && <DeploymentState deployment={data} />}
      note={
        data && (
          <>
            {KINDS[data.kind] ?? words(data.kind)}, asked for by {data.requested_by.name}, <Time at={data.created_at} />
          </>
        )
      }
      actions={
        data && (
          <>
            {data.allowed_actions.includes('cancel') && (
              <Button look="danger" isPending={cancel.isPending} onPress={() => cancel.mutate()}>
                Cancel
              </Button>
            )}
            {data.allowed_actions.includes('approve') && <Approve app={app} deployment={data} stage={stage} />}
          </>
        )
      }
    >
      <Loaded query={deployment}>
        {(one) => (
          <>
            <Told app={app} deployment={one} />
            <Parts path={path} deployment={one} stage={stage} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Told({ app, deployment }: { app: string; deployment: Deployment }) {
  const { failure, freeze_override: setAside, approvals, approvals_required: required } = deployment;
  const isAhead = isUnderWay(deployment);
  return (
    <>
      {failure && (
        <Panel title={failure.cause === 'rejected' ? 'Why it was refused' : 'What broke'}>
          <p className="px-4 py-3 break-words text-bad">
            <Prose text={failure.reason} />
          </p>
        </Panel>
      )}
      <Panel
        title={
          isAhead ? 'What it puts there' : deployment.activated_at ? 'What it put there' : 'What it was to put there'
        }
      >
        <dl className="grid gap-x-6 gap-y-2 px-4 py-3 [grid-template-columns:repeat(auto-fit,minmax(10rem,1fr))] [&_dt]:text-sm [&_dt]:text-soft">
          <div>
            <dt>Release</dt>
            <dd>
              <Link to={paths.release(app, deployment.release_id)} className="font-mono font-semibold hover:underline">
                {deployment.tag}
              </Link>
            </dd>
          </div>
          <div>
            <dt>Config version</dt>
            <dd className="tabular-nums">{deployment.config_version ?? (isAhead ? 'Taken when it starts' : 'None')}</dd>
          </div>
          <div>
            <dt>Active since</dt>
            <dd>{deployment.activated_at ? <Time at={deployment.activated_at} /> : 'Not active'}</dd>
          </div>
          {deployment.rolls_back && (
            <div>
              <dt>Takes back</dt>
              <dd>
                <Link to={paths.deployment(app, deployment.rolls_back)} className="text-accent hover:underline">
                  A deployment that workers refused
                </Link>
              </dd>
            </div>
          )}
          {setAside && (
            <div>
              <dt>Freeze set aside by {setAside.by.name}</dt>
              <dd className="break-words">{setAside.reason}</dd>
            </div>
          )}
        </dl>
      </Panel>
      {required > 0 && (
        <Panel title={`Approvals: ${approvals.length} of ${required}`}>
          <ul className="px-4 py-2">
            {approvals.map(({ user, approved_at }) => (
              <li key={user.id} className="flex flex-wrap items-center gap-2 py-1">
                <Status state="approved" /> {user.name}
                <span className="text-sm text-soft">
                  <Time at={approved_at} />
                </span>
              </li>
            ))}
            {approvals.length === 0 && !isAhead && <li className="py-1 text-soft">Nobody approved it.</li>}
            {approvals.length < required && deployment.state === 'pending' && (
              <li className="py-1 text-soft">
                {counted(required - approvals.length, 'approval')} more, by different people, before it starts.
              </li>
            )}
          </ul>
        </Panel>
      )}
    </>
  );
}

type PartsProps = {
  path: { appId: string; deploymentId: string };
  deployment: Deployment;
  stage: Environment | undefined;
};

/** What it will change or has changed, what happened, and which workers run it. */
function Parts({ path, deployment, stage }: PartsProps) {
  const [search, change] = useFilters();
  // Lines of a job are not events: while there may be more, they are asked for.
  const refetchInterval = deployment.state === 'running' ? 1_000 : live.refetchInterval;
  const record = useQuery({ ...getDeploymentRecordOptions({ path }), refetchInterval });
  const isAhead = isUnderWay(deployment);
  const { config_version: version } = deployment;
  const show = (tab: string) => change({ tab: tab === 'changes' ? undefined : tab }, true);
  const changed = record.data?.change;
  const parts = [
    {
      id: 'changes',
      label: isAhead ? 'What will change' : 'What it changed',
      content: (
        <div className="flex flex-col gap-4">
          {isAhead ? (
            <WillChange app={path.appId} deployment={deployment} />
          ) : (
            <Loaded query={record}>
              {({ change: made }) =>
                made ? (
                  <DeploymentChanges path={path} change={made} stage={stage} onLines={() => show('lines')} />
                ) : (
                  <Panel>
                    <Empty icon={Equal} title="It changed nothing">
                      It has not become active. The log tells why.
                    </Empty>
                  </Panel>
                )
              }
            </Loaded>
          )}
        </div>
      ),
    },
    ...(changed ? [{ id: 'lines', label: 'Files line by line', content: <DeploymentLines path={path} /> }] : []),
    {
      id: 'log',
      label: 'Log',
      content: (
        <Panel>
          <Loaded query={record}>{({ steps }) => <DeploymentLog path={path} steps={steps} />}</Loaded>
        </Panel>
      ),
    },
    ...(version
      ? [
          {
            id: 'workers',
            label: 'Workers',
            ...(deployment.workers ? { count: deployment.workers.applied } : {}),
            content: (
              <div className="flex flex-col gap-4">
                <WhoRan
                  path={{ appId: path.appId, envId: deployment.environment_id, version }}
                  reach={deployment.workers}
                />
              </div>
            ),
          },
        ]
      : []),
  ];
  const selected = parts.some(({ id }) => id === search.tab) ? search.tab : undefined;
  return <Tabs label="Parts of the deployment" selected={selected ?? 'changes'} onSelect={show} parts={parts} />;
}

/** What is different from what the environment runs: what one approves. */
function WillChange({ app, deployment }: { app: string; deployment: Deployment }) {
  const preview = useQuery(
    previewReleaseOptions({
      path: { appId: app, releaseId: deployment.release_id },
      query: { environment: deployment.environment_id, mode: 'semantic', limit: 200 },
    }),
  );
  return (
    <Panel>
      <div className="px-4 py-3">
        <Loaded query={preview}>{(diff) => ('changes' in diff ? <SemanticList diff={diff} /> : null)}</Loaded>
      </div>
    </Panel>
  );
}
