import { useState } from 'react';
import { deleteFile, moveFile, writeFiles } from '../../api/gen/sdk.gen';
import { fieldErrors, formError } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { useFilters } from '../../util/where';
import { unsavedKey } from './useFile';

type Path = { appId: string; workspaceId: string };
/** Makes an empty file. */
export function NewFile({ path, onClose }: { path: Path; onClose: () => void }) {
  const [, change] = useFilters();
  const [name, setName] = useState('');
  const create = useAct(() => writeFiles({ path, body: { edits: [{ op: 'put', path: name, text: '' }] } }), {
    quiet: true,
    onDone: () => {
      change({ tab: undefined, file: name }, true);
      onClose();
    },
  });
  return (
    <Dialog
      title="New file"
      isOpen
      onClose={onClose}
      footer={
        <Button look="primary" isPending={create.isPending} onPress={() => create.mutate()}>
          Create
        </Button>
      }
    >
      <FormError error={formError(create.error, ['edits.0.path'])} />
      <TextField
        label="Path"
        hint="For example pages/orders/new-order.yml"
        value={name}
        error={fieldErrors(create.error)['edits.0.path']}
        onChange={(event) => setName(event.target.value)}
      />
    </Dialog>
  );
}

/** Deletes a file. */
export function DeleteFile({
  path,
  file,
  blob,
  onClose,
}: {
  path: Path;
  file: string;
  blob: string;
  onClose: () => void;
}) {
  const [, change] = useFilters();
  const remove = useAct(() => deleteFile({ path, query: { path: file, expected_blob: blob } }), {
    done: 'Deleted',
    quiet: true,
    onDone: () => {
      localStorage.removeItem(unsavedKey(path, file));
      change({ file: undefined });
      onClose();
    },
  });
  return (
    <Dialog
      title="Delete this file?"
      isOpen
      onClose={onClose}
      footer={
        <Button look="danger" isPending={remove.isPending} onPress={() => remove.mutate()}>
          Delete
        </Button>
      }
    >
      <FormError error={remove.error} />
      <p className="font-mono text-sm break-all">{file}</p>
    </Dialog>
  );
}

type MoveFileProps = { path: Path; file: string; blob: string; onMoved: (to: string) => void; onClose: () => void };

/** Gives a file another name or another folder. */
export function MoveFile({ path, file, blob, onMoved, onClose }: MoveFileProps) {
  const [to, setTo] = useState(file);
  const isSaving = localStorage.getItem(unsavedKey(path, file)) !== null;
  const move = useAct(() => moveFile({ path, body: { from: file, to, expected_blob: blob } }), {
    done: 'Moved',
    quiet: true,
    onDone: () => {
      onMoved(to);
      onClose();
    },
  });
  return (
    <Dialog
      title="Rename or move"
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={to === file || to === '' || isSaving}
            isPending={move.isPending}
            onPress={() => move.mutate()}
          >
            Move
          </Button>
        </>
      }
    >
      <FormError error={formError(move.error, ['to'])} />
      {isSaving && (
        <p role="status" className="mb-2 rounded-md bg-warn-tint px-3 py-2 text-warn">
          What you typed is not saved yet; save it first.
        </p>
      )}
      <TextField
        label="New path"
        hint={`Now ${file}`}
        spellCheck={false}
        value={to}
        error={fieldErrors(move.error).to}
        onChange={(event) => setTo(event.target.value)}
      />
    </Dialog>
  );
}
