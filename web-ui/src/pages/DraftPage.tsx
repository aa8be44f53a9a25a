import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { getDraftOptions, listEnvironmentsOptions } from '../api/gen/@tanstack/react-query.gen';
import { approveDraft, rejectDraft } from '../api/gen/sdk.gen';
import type { Environment, ParameterDraft } from '../api/gen/types.gen';
import { fieldErrors, formError } from '../api/problem';
import { useFreeze } from '../features/freezes/useFreeze';
import type { Value } from '../features/parameters/edits';
import { ValueDiff } from '../features/parameters/ValueDiff';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { TextArea } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Status } from '../ui/Status';
import { FormError, Loaded } from '../ui/states';
import { Time } from '../ui/Time';
import { live, useAct } from '../util/act';
import { useIdOf } from '../util/where';

export function DraftPage() {
  const path = { appId: useIdOf('appId'), envId: useIdOf('envId'), draftId: useIdOf('draftId') };
  const draft = useQuery({ ...getDraftOptions({ path }), ...live });
  const stages = useQuery({ ...listEnvironmentsOptions({ path: { appId: path.appId } }), ...live });
  const stage = stages.data?.data.find(({ id }) => id === path.envId);
  return (
    <Page
      title="Parameter draft"
      crumbs={[
        { label: 'Environments', to: paths.environments(path.appId) },
        { label: stage?.name ?? 'Environment', to: paths.environment(path.appId, path.envId) },
        { label: 'Parameters', to: paths.parameters(path.appId, path.envId) },
      ]}
      status={draft.data && <Status state={draft.data.state} />}
    >
      <Loaded query={draft}>{(data) => <Decide path={path} stage={stage} draft={data} />}</Loaded>
    </Page>
  );
}

type Path = { appId: string; envId: string; draftId: string };

type DecideProps = { path: Path; stage: Environment | undefined; draft: ParameterDraft };

function Decide({ path, stage, draft }: DecideProps) {
  const freeze = useFreeze(path.appId, stage);
  const [isRejecting, askReject] = useState(false);
  const [reason, setReason] = useState('');
  const may = (action: string) => draft.allowed_actions.includes(action);
  // Approved is what is on the screen: the values below, over the version that ran when they were shown.
  const approve = useAct(() => approveDraft({ path, body: { base_version: draft.running_version, ...freeze.body } }), {
    done: ({ data }) => `Approved; version ${data?.config_version} runs`,
    quiet: true,
  });
  const reject = useAct(() => rejectDraft({ path, body: { reason } }), {
    done: 'Rejected',
    quiet: true,
    onDone: () => askReject(false),
  });
  return (
    <Panel
      title={`Version ${draft.base_version} and what is proposed`}
      aside={
        <span className="flex gap-2">
          {may('reject') && (
            <Button look="danger" onPress={() => askReject(true)}>
              Reject
            </Button>
          )}
          {may('approve') && (
            <Button
              look="primary"
              isDisabled={!freeze.isReady}
              isPending={approve.isPending}
              onPress={() => approve.mutate()}
            >
              Approve
            </Button>
          )}
        </span>
      }
    >
      <div className="flex flex-col gap-3 p-4">
        <FormError error={formError(approve.error, ['override_freeze'])} />
        {may('approve') && freeze.field(approve.error)}
        <p>
          {draft.edited_by.name}, <Time at={draft.created_at} />: {draft.reason}
        </p>
        {draft.running_version !== draft.base_version && draft.state === 'pending_approval' && (
          <p role="status" className="rounded-md bg-warn-tint px-3 py-2 text-warn">
            The environment has moved on to version {draft.running_version} since. Current values below are those that
            run now.
          </p>
        )}
        <ValueDiff
          rows={Object.entries(draft.changes).map(([name, { current, proposed, deleted }]) => ({
            name,
            before: current as Value,
            after: proposed as Value,
            ...(deleted ? { note: 'back to the default' } : {}),
          }))}
        />
        {draft.approved_by && <p className="text-soft">Approved by {draft.approved_by.name}.</p>}
        {draft.rejected_by && (
          <p className="text-soft">
            Rejected by {draft.rejected_by.name}: {draft.rejection}
          </p>
        )}
        {draft.failure ? (
          <p className="rounded-md bg-bad-tint px-3 py-2 text-bad">
            It could not become active: {draft.failure}. Its values stay in the profile; deploy a release to the
            environment to bring them.
          </p>
        ) : (
          draft.config_version && <p className="text-soft">It became version {draft.config_version}.</p>
        )}
      </div>
      <Dialog
        title="Reject this draft"
        isOpen={isRejecting}
        onClose={() => askReject(false)}
        footer={
          <Button look="danger" isPending={reject.isPending} onPress={() => reject.mutate()}>
            Reject
          </Button>
        }
      >
        <FormError error={formError(reject.error, ['reason'])} />
        <TextArea
          label="Reason"
          hint="The editor reads it"
          error={fieldErrors(reject.error).reason}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </Dialog>
    </Panel>
  );
}
