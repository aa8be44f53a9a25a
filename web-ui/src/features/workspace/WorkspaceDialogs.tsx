import { useEffect, useState } from 'react';
import { checkpoint, getWorkspace, resetWorkspace, updateWorkspace } from '../../api/gen/sdk.gen';
import type { CommitMode, Workspace } from '../../api/gen/types.gen';
import { fieldErrors, formError } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Select, TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { forgetUnsaved } from './useFile';

type Path = { appId: string; workspaceId: string };

/** Commits what the workspace holds, with a word about it. */
export function Checkpoint({ path, onClose }: { path: Path; onClose: () => void }) {
  const [message, setMessage] = useState('');
  const commit = useAct(() => checkpoint({ path, body: { message } }), {
    done: ({ data }) => `Commit ${data?.head.slice(0, 10)}`,
    quiet: true,
    onDone: onClose,
  });
  return (
    <Dialog
      title="Checkpoint"
      isOpen
      onClose={onClose}
      footer={
        <Button look="primary" isPending={commit.isPending} onPress={() => commit.mutate()}>
          Commit
        </Button>
      }
    >
      <FormError error={formError(commit.error, ['message'])} />
      <p className="mb-3">
        The files become a commit on the workspace's branch. Where its changeset waits for review, that is the next
        revision.
      </p>
      <TextField
        label="Message"
        hint="Optional"
        value={message}
        error={fieldErrors(commit.error).message}
        onChange={(event) => setMessage(event.target.value)}
      />
    </Dialog>
  );
}

/** Throws the workspace's own work away, after naming it. */
export function Reset({ path, workspace, onClose }: { path: Path; workspace: Workspace; onClose: () => void }) {
  const [name, setName] = useState('');
  const reset = useAct(() => resetWorkspace({ path, body: {} }), {
    done: 'The workspace begins anew',
    quiet: true,
    onDone: () => {
      forgetUnsaved(path);
      onClose();
    },
  });
  return (
    <Dialog
      title="Reset this workspace?"
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="danger"
            isDisabled={name.trim() !== workspace.name}
            isPending={reset.isPending}
            onPress={() => reset.mutate()}
          >
            Throw my edits away
          </Button>
        </>
      }
    >
      <FormError error={reset.error} />
      <p className="mb-3">
        Every edit and commit of this workspace goes, also what is not submitted; its files begin again from today's
        baseline. Changesets that were submitted stay.
      </p>
      <TextField
        label={`Type ${workspace.name} to confirm`}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
    </Dialog>
  );
}

/** Renames a workspace, and says when its files become commits. */
export function Rename({ path, workspace, onClose }: { path: Path; workspace: Workspace; onClose: () => void }) {
  const [name, setName] = useState(workspace.name);
  const [mode, setMode] = useState<CommitMode | ''>(workspace.own_commit_mode ?? '');
  const [etag, setEtag] = useState('');
  useEffect(() => {
    getWorkspace({ path }).then(
      ({ response }) => setEtag(response.headers.get('etag') ?? ''),
      () => undefined,
    );
  }, [path]);
  const save = useAct(
    () => updateWorkspace({ path, body: { name, commit_mode: mode || null }, headers: { 'If-Match': etag } }),
    { done: 'Saved', quiet: true, onDone: onClose },
  );
  return (
    <Dialog
      title="Workspace"
      isOpen
      onClose={onClose}
      footer={
        <Button look="primary" isPending={save.isPending} onPress={() => save.mutate()}>
          Save
        </Button>
      }
    >
      <FormError error={formError(save.error, ['name'])} />
      <TextField
        label="Name"
        value={name}
        error={fieldErrors(save.error).name}
        onChange={(event) => setName(event.target.value)}
      />
      <Select
        label="Commits"
        value={mode}
        onChange={(event) => setMode(event.target.value as CommitMode | '')}
        choices={[
          { value: '', label: 'As the app has it' },
          { value: 'submit_commit', label: 'One when submitting' },
          { value: 'manual_checkpoint', label: 'At each checkpoint' },
        ]}
      />
    </Dialog>
  );
}
