import { Link } from '@tanstack/react-router';
import { Upload } from 'lucide-react';
import { cancelDeployment } from '../../api/gen/sdk.gen';
import type { Deployment, Environment } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { words } from '../../ui/Status';
import { Empty } from '../../ui/states';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { useAct } from '../../util/act';
import { Approve } from './Approve';
import { DeploymentState } from './DeploymentState';

/** How a deployment came about, in words. */
export const KINDS: Record<string, string> = {
  deploy: 'Deployed',
  promote: 'Promoted',
  skip_stage: 'Leaves stages out',
  redeploy: 'An earlier release again',
};

/** Deployments with how they ended and what they still need. */
export function Deployments({ app, list, stages }: { app: string; list: Deployment[]; stages: Environment[] }) {
  const target = (deployment: Deployment) => ({ path: { appId: app, deploymentId: deployment.id }, body: {} });
  const cancel = useAct((deployment: Deployment) => cancelDeployment(target(deployment)), { done: 'Canceled' });
  if (list.length === 0) {
    return (
      <Empty icon={Upload} title="Nothing was deployed yet">
        Publish a release, then deploy it to the first stage.
      </Empty>
    );
  }
  return (
    <Table label="Deployments" head={['Release', 'Environment', 'State', 'Asked for by', 'When', '']}>
      {list.map((deployment) => (
        <tr key={deployment.id}>
          <td>
            <Link to={paths.release(app, deployment.release_id)} className="font-mono font-semibold hover:underline">
              {deployment.tag}
            </Link>
            <span className="block text-sm text-soft">{KINDS[deployment.kind] ?? words(deployment.kind)}</span>
          </td>
          <td>{stages.find(({ id }) => id === deployment.environment_id)?.name ?? ''}</td>
          <td>
            <Link to={paths.deployment(app, deployment.id)} className="rounded hover:underline">
              <DeploymentState deployment={deployment} />
            </Link>
            {deployment.approvals_required > 0 && (
              <span className="block text-sm text-soft">
                {deployment.approvals.length} of {deployment.approvals_required} approvals
              </span>
            )}
            {deployment.freeze_override && (
              <span className="block max-w-xs text-sm text-warn">
                Freeze set aside by {deployment.freeze_override.by.name}: {deployment.freeze_override.reason}
              </span>
            )}
            {deployment.rolls_back && (
              <span className="block max-w-xs text-sm text-warn">Goes back by itself: workers refused what ran</span>
            )}
            {deployment.failure && <span className="block max-w-xs text-sm text-bad">{deployment.failure.reason}</span>}
          </td>
          <td>{deployment.requested_by.name}</td>
          <td className="text-soft">
            <Time at={deployment.activated_at ?? deployment.created_at} />
          </td>
          <td>
            <span className="flex justify-end gap-1.5">
              {deployment.allowed_actions.includes('approve') && (
                <Approve
                  small
                  app={app}
                  deployment={deployment}
                  stage={stages.find(({ id }) => id === deployment.environment_id)}
                />
              )}
              {deployment.allowed_actions.includes('cancel') && (
                <Button small look="danger" onPress={() => cancel.mutate(deployment)}>
                  Cancel
                </Button>
              )}
            </span>
          </td>
        </tr>
      ))}
    </Table>
  );
}
