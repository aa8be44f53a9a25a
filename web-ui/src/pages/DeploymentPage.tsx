import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import {
  getDeploymentOptions,
  listEnvironmentsOptions,
  previewReleaseOptions,
} from '../api/gen/@tanstack/react-query.gen';
import { cancelDeployment } from '../api/gen/sdk.gen';
import type { Deployment, WorkerReach } from '../api/gen/types.gen';
import { counted, Prose, SemanticList } from '../features/changes/SemanticList';
import { Approve } from '../features/environments/Approve';
import { DeploymentState } from '../features/environments/DeploymentState';
import { KINDS } from '../features/environments/Deployments';
import { WORKER_STATES } from '../features/environments/workerStates';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Badge, Status, words } from '../ui/Status';
import { Loaded } from '../ui/states';
import { Time } from '../ui/Time';
import { live, useAct } from '../util/act';
import { useIdOf } from '../util/where';

const REACH: [keyof WorkerReach, string][] = [
  ['applied', 'current'],
  ['waiting', 'waiting'],
  ['restart_required', 'restart_required'],
  ['lagging', 'lagging'],
  ['refused', 'refused'],
];

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
      <Loaded query={deployment}>{(one) => <Told app={app} deployment={one} />}</Loaded>
    </Page>
  );
}

function Told({ app, deployment }: { app: string; deployment: Deployment }) {
  const { failure, freeze_override: setAside, approvals, approvals_required: required, workers } = deployment;
  return (
    <>
      {failure && (
        <Panel title={failure.cause === 'rejected' ? 'Why it was refused' : 'What broke'}>
          <p className="px-4 py-3 break-words text-bad">
            <Prose text={failure.reason} />
          </p>
        </Panel>
      )}
      <Panel title="What it puts there">
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
            <dd className="tabular-nums">{deployment.config_version ?? 'Taken when it starts'}</dd>
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
      {['pending', 'running'].includes(deployment.state) && <WillChange app={app} deployment={deployment} />}
      {workers && (
        <Panel title="How far workers have come">
          <p className="flex flex-wrap items-center gap-2 px-4 py-3">
            {workers.workers === 0 && <span className="text-soft">No worker that lives follows this environment.</span>}
            {REACH.filter(([count]) => workers[count] > 0).map(([count, state]) => {
              const [tone, word] = WORKER_STATES[state] ?? ['neutral', words(state)];
              return (
                <Badge key={count} tone={tone}>
                  {workers[count]} {word.toLowerCase()}
                </Badge>
              );
            })}
          </p>
        </Panel>
      )}
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

/** What is different from what the environment runs: what one approves. */
function WillChange({ app, deployment }: { app: string; deployment: Deployment }) {
  const preview = useQuery(
    previewReleaseOptions({
      path: { appId: app, releaseId: deployment.release_id },
      query: { environment: deployment.environment_id, mode: 'semantic', limit: 200 },
    }),
  );
  return (
    <Panel title="What will change">
      <div className="px-4 py-3">
        <Loaded query={preview}>{(diff) => ('changes' in diff ? <SemanticList diff={diff} /> : null)}</Loaded>
      </div>
    </Panel>
  );
}
