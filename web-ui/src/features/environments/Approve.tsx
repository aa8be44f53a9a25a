import { useState } from 'react';
import { approveDeployment } from '../../api/gen/sdk.gen';
import type { Deployment, Environment } from '../../api/gen/types.gen';
import { formError } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { useFreeze } from '../freezes/useFreeze';

type ApproveProps = { app: string; deployment: Deployment; stage: Environment | undefined; small?: boolean };

/** Gives one of the approvals that a deployment needs; asks first where a freeze would stop what it starts. */
export function Approve({ app, deployment, stage, small }: ApproveProps) {
  const [isAsking, ask] = useState(false);
  const freeze = useFreeze(app, stage);
  const approve = useAct(
    () => approveDeployment({ path: { appId: app, deploymentId: deployment.id }, body: freeze.body }),
    { done: 'Approved', onDone: () => ask(false), quiet: isAsking },
  );
  const isLast = deployment.approvals.length + 1 >= deployment.approvals_required;
  return (
    <>
      <Button
        {...(small ? { small } : {})}
        look="primary"
        isPending={approve.isPending && !isAsking}
        onPress={() => (stage?.freeze ? ask(true) : approve.mutate())}
      >
        Approve
      </Button>
      <Dialog
        title={`Approve ${deployment.tag} on ${stage?.name ?? ''}`}
        isOpen={isAsking}
        onClose={() => ask(false)}
        footer={
          <>
            <Button onPress={() => ask(false)}>Cancel</Button>
            <Button
              look="primary"
              isDisabled={isLast && !freeze.isReady}
              isPending={approve.isPending}
              onPress={() => approve.mutate()}
            >
              Approve
            </Button>
          </>
        }
      >
        <div className="flex flex-col gap-3">
          <FormError error={formError(approve.error, ['override_freeze'])} />
          {freeze.field(approve.error)}
          <p>
            {isLast
              ? 'With this approval the deployment starts at once, and what starts in a freeze is refused.'
              : 'It needs another approval after this one before it starts.'}
          </p>
        </div>
      </Dialog>
    </>
  );
}
