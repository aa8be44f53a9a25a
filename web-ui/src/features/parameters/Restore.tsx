import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Equal } from 'lucide-react';
import { useState } from 'react';
import { planRestoreOptions } from '../../api/gen/@tanstack/react-query.gen';
import { restore } from '../../api/gen/sdk.gen';
import type { Environment } from '../../api/gen/types.gen';
import { fieldErrors, formError, problemOf } from '../../api/problem';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { TextArea } from '../../ui/Field';
import { Empty, FormError, Loaded } from '../../ui/states';
import { live, useAct } from '../../util/act';
import { useFreeze } from '../freezes/useFreeze';
import type { Value } from './edits';
import { ValueDiff } from './ValueDiff';

type RestoreProps = {
  path: { appId: string; envId: string };
  stage: Environment;
  version: number;
  onClose: () => void;
};

/** Makes the values of an earlier version those of a new one, after showing what that changes. */
export function Restore({ path, stage, version, onClose }: RestoreProps) {
  const navigate = useNavigate();
  // What runs now may change while one reads: the preview follows, and what was typed stays.
  const plan = useQuery({ ...planRestoreOptions({ path, query: { version } }), ...live });
  const [reason, setReason] = useState('');
  const [seen, setSeen] = useState<number | undefined>();
  const freeze = useFreeze(path.appId, stage);
  const base = plan.data?.base_version;
  if (base !== undefined && seen === undefined) setSeen(base);
  const put = useAct(
    () =>
      restore({ path, body: { version, base_version: base ?? 0, reason, ...freeze.body } }).catch((error) => {
        if (problemOf(error).status === 409) plan.refetch();
        throw error;
      }),
    {
      quiet: true,
      done: ({ data }) =>
        data && 'id' in data
          ? 'Submitted; an approver was told'
          : `Restored; version ${data && 'config_version' in data ? data.config_version : ''} runs`,
      onDone: ({ data }) => {
        onClose();
        if (data && 'id' in data) navigate({ to: paths.draft(path.appId, path.envId, data.id) });
      },
    },
  );
  const waits = plan.data?.needs_approval === true;
  const canDo = plan.data !== undefined && plan.data.items.length > 0 && plan.data.problems.length === 0;
  return (
    <Dialog
      title={`Restore version ${version} of ${stage.name}`}
      isOpen
      wide
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={!canDo || !reason.trim() || (!waits && !freeze.isReady)}
            isPending={put.isPending}
            onPress={() => put.mutate()}
          >
            {waits ? 'Submit for approval' : 'Restore'}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <FormError error={formError(put.error, ['reason', 'override_freeze'])} />
        {!waits && freeze.field(put.error)}
        <p>
          The values of version {version} become those of a new version; nothing of the history is lost. Release and
          catalog stay as they are.
        </p>
        {seen !== undefined && base !== undefined && base !== seen && (
          <p role="status" className="rounded-md bg-warn-tint px-3 py-2 text-warn">
            Version {base} runs by now. What is below is computed anew.
          </p>
        )}
        <Loaded query={plan}>
          {({ items, gone, newer, problems, needs_approval }) => (
            <>
              {needs_approval && (
                <p role="status" className="rounded-md bg-warn-tint px-3 py-2 text-warn">
                  Critical parameters differ: somebody else approves it, as a draft.
                </p>
              )}
              {problems.map(({ name, message }) => (
                <p key={name} role="alert" className="text-bad">
                  {name}: {message}
                </p>
              ))}
              {problems.length > 0 && <p>The catalog does not allow these values any more, so nothing is restored.</p>}
              {items.length === 0 ? (
                <Empty icon={Equal} title="These values run already" />
              ) : (
                <ValueDiff
                  rows={items.map(({ name, current, restored, critical }) => ({
                    name,
                    before: current as Value,
                    after: restored as Value,
                    ...(critical ? { note: 'critical' } : {}),
                  }))}
                />
              )}
              {gone.length > 0 && (
                <p className="text-soft">Left out, the catalog does not know them any more: {gone.join(', ')}.</p>
              )}
              {newer.length > 0 && <p className="text-soft">Came later and stay as they are: {newer.join(', ')}.</p>}
            </>
          )}
        </Loaded>
        <TextArea
          label="Reason"
          hint="The history keeps it, and approvers read it"
          error={fieldErrors(put.error).reason}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
