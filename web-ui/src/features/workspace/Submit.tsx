import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { createChangeset, resubmitChangeset, submitChangeset } from '../../api/gen/sdk.gen';
import type { Changeset } from '../../api/gen/types.gen';
import { fieldErrors, formError } from '../../api/problem';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { TextArea, TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';

type Path = { appId: string; workspaceId: string };
type SubmitProps = { path: Path; open: Changeset | undefined; edited: number; onClose: () => void };

/** Submits what a workspace holds as the next revision of its changeset. */
export function Submit({ path, open, edited, onClose }: SubmitProps) {
  const navigate = useNavigate();
  const [title, setTitle] = useState(open?.title ?? '');
  const [description, setDescription] = useState(open?.description ?? '');
  const submit = useAct(
    async () => {
      const body = {};
      if (open?.allowed_actions.includes('resubmit')) {
        return resubmitChangeset({ path: { appId: path.appId, changesetId: open.id }, body });
      }
      const id =
        open?.id ??
        (
          await createChangeset({
            path: { appId: path.appId },
            body: { workspace_id: path.workspaceId, title, description },
          })
        ).data.id;
      return submitChangeset({ path: { appId: path.appId, changesetId: id }, body });
    },
    {
      quiet: true,
      done: 'Submitted; the validation runs',
      onDone: ({ data }) => data && navigate({ to: paths.changeset(path.appId, data.id) }),
    },
  );
  const errors = fieldErrors(submit.error);
  return (
    <Dialog
      title={open ? `Submit #${open.number}` : 'Submit as a changeset'}
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" isPending={submit.isPending} onPress={() => submit.mutate()}>
            Submit
          </Button>
        </>
      }
    >
      <FormError error={formError(submit.error, ['title', 'description'])} />
      <p className="mb-3">
        {edited} {edited === 1 ? 'file' : 'files'}, frozen as{' '}
        {open?.revision ? `revision ${open.revision.number + 1}` : 'revision 1'}
        {open?.revision && '; approvals of the earlier one no longer count'}.
      </p>
      {!open && (
        <>
          <TextField
            label="Title"
            value={title}
            error={errors.title}
            onChange={(event) => setTitle(event.target.value)}
          />
          <TextArea
            label="Description"
            hint="Why; reviewers read it"
            value={description}
            error={errors.description}
            onChange={(event) => setDescription(event.target.value)}
          />
        </>
      )}
    </Dialog>
  );
}
