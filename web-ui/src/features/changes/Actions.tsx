import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import {
  cloneChangeset,
  moveChangesetToDraft,
  queueChangeset,
  resubmitChangeset,
  reviewChangeset,
  submitChangeset,
} from '../../api/gen/sdk.gen';
import type { Changeset, Verdict } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { TextArea } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { useKeys } from '../shell/useKeys';
import type { Drafts } from './useDrafts';

type Path = { appId: string; changesetId: string };

const VERDICTS: [Verdict, string][] = [
  ['approve', 'Approve'],
  ['request_changes', 'Request changes'],
  ['reject', 'Reject'],
];

type ActionsProps = {
  path: Path;
  changeset: Changeset;
  shown: number | undefined;
  isNewest: boolean;
  drafts: Drafts;
};

/** What can be done with the changeset; a decision is about the revision on the screen, and publishes what was drafted. */
export function Actions({ path, changeset, shown, isNewest, drafts }: ActionsProps) {
  const navigate = useNavigate();
  const [verdict, setVerdict] = useState<Verdict | undefined>();
  const [comment, setComment] = useState('');
  const may = (action: string) => changeset.allowed_actions.includes(action);
  const nothing = { path, body: {} };
  const decide = useAct(
    async () => {
      await drafts.publish();
      return reviewChangeset({ path, body: { revision: shown ?? 0, verdict: verdict ?? 'approve', comment } });
    },
    { done: `Decided on revision ${shown}`, onDone: () => setVerdict(undefined), quiet: true },
  );
  const queue = useAct(() => queueChangeset(nothing), { done: `#${changeset.number} is queued` });
  const submit = useAct(() => submitChangeset(nothing), { done: 'Submitted; the validation runs' });
  const resubmit = useAct(() => resubmitChangeset(nothing), { done: 'Submitted as a new revision' });
  const draft = useAct(() => moveChangesetToDraft(nothing), { done: 'Back in draft' });
  const clone = useAct(() => cloneChangeset(nothing), {
    onDone: ({ data }) => data && navigate({ to: paths.changeset(path.appId, data.id) }),
  });
  const decideOn = (one: Verdict) => may(one) && isNewest && setVerdict(one);
  useKeys({
    a: () => decideOn('approve'),
    r: () => decideOn('request_changes'),
    'mod+Enter': () => verdict !== undefined && !decide.isPending && decide.mutate(),
  });
  const verb = VERDICTS.find(([one]) => one === verdict)?.[1];
  return (
    <>
      {VERDICTS.filter(([one]) => may(one)).map(([one, label]) => (
        <Button
          key={one}
          look={one === 'approve' ? 'primary' : one === 'reject' ? 'danger' : 'plain'}
          isDisabled={!isNewest}
          onPress={() => setVerdict(one)}
        >
          {label}
        </Button>
      ))}
      {may('submit') && (
        <Button look="primary" isPending={submit.isPending} onPress={() => submit.mutate()}>
          Submit
        </Button>
      )}
      {may('resubmit') && (
        <Button isPending={resubmit.isPending} onPress={() => resubmit.mutate()}>
          Submit a new revision
        </Button>
      )}
      {may('queue') && (
        <Button look="primary" isPending={queue.isPending} onPress={() => queue.mutate()}>
          Queue
        </Button>
      )}
      {changeset.sync_required && (
        <span className="max-w-md self-center text-sm text-soft">
          A release was published since it was approved.{' '}
          {may('edit') ? (
            <>
              <Link to={paths.workspace(path.appId, changeset.workspace_id)} className="text-accent underline">
                Sync its workspace
              </Link>
              , then queue it.
            </>
          ) : (
            `${changeset.author.name} syncs its workspace first, then it can be queued.`
          )}
        </span>
      )}
      {may('move_to_draft') && (
        <Button isPending={draft.isPending} onPress={() => draft.mutate()}>
          Back to draft
        </Button>
      )}
      {may('clone') && (
        <Button isPending={clone.isPending} onPress={() => clone.mutate()}>
          Clone
        </Button>
      )}
      <Dialog
        title={`${verb} revision ${shown}`}
        isOpen={verdict !== undefined}
        onClose={() => setVerdict(undefined)}
        footer={
          <>
            <Button onPress={() => setVerdict(undefined)}>Cancel</Button>
            <Button
              look={verdict === 'reject' ? 'danger' : 'primary'}
              isPending={decide.isPending}
              onPress={() => decide.mutate()}
            >
              {verb}
            </Button>
          </>
        }
      >
        <FormError error={decide.error} />
        <p className="mb-3">
          #{changeset.number} {changeset.title}: exactly what is on your screen,{' '}
          <code className="font-mono text-sm">{changeset.revision?.tree.slice(0, 10)}</code>.
        </p>
        {drafts.list.length > 0 && (
          <p className="mb-3">
            {drafts.list.length === 1 ? 'The drafted comment is' : `The ${drafts.list.length} drafted comments are`}{' '}
            published with it.
          </p>
        )}
        <TextArea
          label="Comment"
          hint="The author reads it"
          value={comment}
          onChange={(event) => setComment(event.target.value)}
        />
      </Dialog>
    </>
  );
}
