import { Clock } from 'lucide-react';
import type { Deployment } from '../../api/gen/types.gen';
import { Badge, Status } from '../../ui/Status';

/** How a deployment stands; one that waits for people asks for attention. */
export function DeploymentState({ deployment }: { deployment: Deployment }) {
  const { state, approvals, approvals_required: required } = deployment;
  if (state === 'pending' && required > approvals.length) {
    return (
      <Badge tone="warn" icon={Clock}>
        Waits for approval
      </Badge>
    );
  }
  return <Status state={state} />;
}
