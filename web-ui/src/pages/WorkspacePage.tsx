import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { FilePlus2, PencilRuler, Send, Trash2 } from 'lucide-react';
import { useState } from 'react';
import {
  getWorkspaceDiffOptions,
  getWorkspaceTreeOptions,
  listChangesetsOptions,
} from '../api/gen/@tanstack/react-query.gen';
import { createChangeset, deleteFile, resubmitChangeset, submitChangeset, writeFiles } from '../api/gen/sdk.gen';
import type { Changeset, WorkspaceTree } from '../api/gen/types.gen';
import { fieldErrors, formError } from '../api/problem';
import { FileDiffView } from '../features/changes/FileDiffs';
import { SemanticList } from '../features/changes/SemanticList';
import { useKeys } from '../features/shell/useKeys';
import { FileEditor } from '../features/workspace/FileEditor';
import { Tree } from '../features/workspace/Tree';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { TextArea, TextField } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Status } from '../ui/Status';
import { Empty, FormError, Loaded } from '../ui/states';
import { Tabs } from '../ui/Tabs';
import { useAct } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

export function WorkspacePage() {
  const path = { appId: useIdOf('appId'), workspaceId: useIdOf('workspaceId') };
  const tree = useQuery(getWorkspaceTreeOptions({ path }));
  const crumbs = [{ label: 'Workspaces', to: paths.workspaces(path.appId) }];
  if (!tree.data) {
    return (
      <Page title="Workspace" crumbs={crumbs}>
        <Panel>
          <Loaded query={tree}>{() => null}</Loaded>
        </Panel>
      </Page>
    );
  }
  return <Opened path={path} tree={tree.data} />;
}

type Path = { appId: string; workspaceId: string };

function Opened({ path, tree }: { path: Path; tree: WorkspaceTree }) {
  const [search, change] = useFilters();
  const [asked, ask] = useState<'submit' | 'new' | 'delete' | undefined>();
  const canEdit = tree.workspace.allowed_actions.includes('edit');
  const file = tree.files.find((one) => one.path === search.file);
  const edited = tree.files.filter(({ marker }) => marker).length + tree.deleted.length;
  const changesets = useQuery(listChangesetsOptions({ path: { appId: path.appId }, query: { limit: 200 } }));
  const open = changesets.data?.data.find(
    (one) => one.workspace_id === path.workspaceId && !['released', 'rejected'].includes(one.state),
  );
  useKeys({ 'mod+p': () => document.getElementById('find-file')?.focus() });
  return (
    <Page
      wide
      title={tree.workspace.name}
      crumbs={[{ label: 'Workspaces', to: paths.workspaces(path.appId) }]}
      status={open && <Status state={open.state} label={`#${open.number} ${open.state.replaceAll('_', ' ')}`} />}
      actions={
        canEdit && (
          <>
            <Button icon={FilePlus2} onPress={() => ask('new')}>
              New file
            </Button>
            {file && (
              <Button icon={Trash2} look="danger" onPress={() => ask('delete')}>
                Delete file
              </Button>
            )}
            <Button icon={Send} look="primary" isDisabled={edited === 0} onPress={() => ask('submit')}>
              Submit
            </Button>
          </>
        )
      }
    >
      <Tabs
        label="Workspace"
        selected={search.tab ?? 'edit'}
        onSelect={(tab) => change({ tab: tab === 'edit' ? undefined : tab }, true)}
        parts={[
          {
            id: 'edit',
            label: 'Edit',
            content: (
              <div className="grid rounded-lg border border-line bg-panel md:h-[calc(100vh-13rem)] md:min-h-96 md:grid-cols-[17rem_1fr]">
                <div className="min-h-0 border-line max-md:max-h-72 max-md:border-b md:border-r">
                  <Tree
                    files={tree.files}
                    deleted={tree.deleted}
                    chosen={search.file}
                    onChoose={(next) => change({ file: next }, true)}
                  />
                </div>
                <div className="min-h-0 min-w-0 max-md:h-[70vh]">
                  {file ? (
                    <FileEditor
                      key={file.path}
                      app={path.appId}
                      workspace={path.workspaceId}
                      file={file.path}
                      canEdit={canEdit}
                    />
                  ) : (
                    <Empty icon={PencilRuler} title={search.file ? 'That file is not here' : 'Choose a file'}>
                      Edits are saved as you type. Nobody else sees them before you submit.
                    </Empty>
                  )}
                </div>
              </div>
            ),
          },
          { id: 'changes', label: 'Changes', count: edited, content: <Differences path={path} /> },
        ]}
      />
      {asked === 'submit' && <Submit path={path} open={open} edited={edited} onClose={() => ask(undefined)} />}
      {asked === 'new' && <NewFile path={path} onClose={() => ask(undefined)} />}
      {asked === 'delete' && file && (
        <DeleteFile path={path} file={file.path} blob={file.blob} onClose={() => ask(undefined)} />
      )}
    </Page>
  );
}

function Differences({ path }: { path: Path }) {
  const [search, change] = useFilters();
  const semantic = useQuery(getWorkspaceDiffOptions({ path, query: { mode: 'semantic' } }));
  const raw = useQuery(getWorkspaceDiffOptions({ path, query: { mode: 'raw' } }));
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[2fr_3fr]">
      <Panel title="In the words of the configuration">
        <div className="p-3">
          <Loaded query={semantic}>
            {(diff) =>
              'changes' in diff ? (
                <SemanticList diff={diff} onJump={({ filePath }) => change({ tab: undefined, file: filePath }, true)} />
              ) : null
            }
          </Loaded>
        </div>
      </Panel>
      <div className="flex min-w-0 flex-col gap-3">
        <Loaded query={raw}>
          {(diff) =>
            'files' in diff
              ? diff.files.map((file) => <FileDiffView key={file.path} file={file} isSplit={search.view === 'split'} />)
              : null
          }
        </Loaded>
      </div>
    </div>
  );
}

type SubmitProps = { path: Path; open: Changeset | undefined; edited: number; onClose: () => void };

function Submit({ path, open, edited, onClose }: SubmitProps) {
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

function NewFile({ path, onClose }: { path: Path; onClose: () => void }) {
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

function DeleteFile({ path, file, blob, onClose }: { path: Path; file: string; blob: string; onClose: () => void }) {
  const [, change] = useFilters();
  const remove = useAct(() => deleteFile({ path, query: { path: file, expected_blob: blob } }), {
    done: 'Deleted',
    quiet: true,
    onDone: () => {
      localStorage.removeItem(`conman.unsaved.${path.workspaceId}.${file}`);
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
