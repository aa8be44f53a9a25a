import { useQuery } from '@tanstack/react-query';
import { BookmarkCheck, FilePlus2, PencilRuler, Send } from 'lucide-react';
import { useEffect, useState } from 'react';
import {
  getSyncOptions,
  getWorkspaceDiffOptions,
  getWorkspaceTreeOptions,
  listChangesetsOptions,
} from '../api/gen/@tanstack/react-query.gen';
import type { WorkspaceTree } from '../api/gen/types.gen';
import { FileDiffView } from '../features/changes/FileDiffs';
import { SemanticList } from '../features/changes/SemanticList';
import { useKeys } from '../features/shell/useKeys';
import { DeleteFile, MoveFile, NewFile } from '../features/workspace/FileDialogs';
import { FileEditor } from '../features/workspace/FileEditor';
import { OpenFiles } from '../features/workspace/OpenFiles';
import { Submit } from '../features/workspace/Submit';
import { Sync } from '../features/workspace/Sync';
import { Tree } from '../features/workspace/Tree';
import { Checkpoint, Rename, Reset } from '../features/workspace/WorkspaceDialogs';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Status } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Tabs } from '../ui/Tabs';
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
type Asked = 'submit' | 'new' | 'move' | 'delete' | 'checkpoint' | 'reset' | 'rename';

function Opened({ path, tree }: { path: Path; tree: WorkspaceTree }) {
  const [search, change] = useFilters();
  const [asked, ask] = useState<Asked | undefined>();
  const canEdit = tree.workspace.allowed_actions.includes('edit');
  const file = tree.files.find((one) => one.path === search.file);
  const edited = tree.files.filter(({ marker }) => marker).length + tree.deleted.length;
  const changesets = useQuery(listChangesetsOptions({ path: { appId: path.appId }, query: { limit: 200 } }));
  const open = changesets.data?.data.find(
    (one) => one.workspace_id === path.workspaceId && !['released', 'rejected'].includes(one.state),
  );
  const sync = useQuery(getSyncOptions({ path }));
  const waiting = sync.data?.pending ? sync.data.conflicts.filter(({ resolved }) => !resolved).length : undefined;
  const [opened, setOpened] = useState<string[]>([]);
  // What the address names is open, and stays so until it is closed.
  useEffect(() => {
    const named = search.file;
    if (named) setOpened((before) => (before.includes(named) ? before : [...before, named]));
  }, [search.file]);
  const here = opened.filter((name) => tree.files.some((one) => one.path === name));
  const close = (name: string) => {
    const rest = here.filter((one) => one !== name);
    setOpened(rest);
    if (name === search.file) change({ file: rest.at(-1) });
  };
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
            <Button icon={BookmarkCheck} isDisabled={!tree.workspace.dirty} onPress={() => ask('checkpoint')}>
              Checkpoint
            </Button>
            <Button onPress={() => ask('rename')}>Rename</Button>
            <Button look="danger" onPress={() => ask('reset')}>
              Reset
            </Button>
            <Button icon={Send} look="primary" isDisabled={edited === 0} onPress={() => ask('submit')}>
              Submit
            </Button>
          </>
        )
      }
    >
      {waiting !== undefined && search.tab !== 'sync' && (
        <div role="status" className="flex flex-wrap items-center gap-3 rounded-md bg-warn-tint px-3 py-2 text-warn">
          <span className="flex-1">
            {waiting === 0 ? 'A sync waits to be finished.' : `A sync waits: ${waiting} files collide.`}
          </span>
          <Button small onPress={() => change({ tab: 'sync' }, true)}>
            Resolve
          </Button>
        </div>
      )}
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
                    onChoose={(next) => change({ file: next, line: undefined }, true)}
                  />
                </div>
                <div className="flex min-h-0 min-w-0 flex-col max-md:h-[70vh]">
                  <OpenFiles
                    files={here}
                    chosen={search.file}
                    onChoose={(next) => change({ file: next, line: undefined }, true)}
                    onClose={close}
                  />
                  {file ? (
                    <FileEditor
                      key={file.path}
                      app={path.appId}
                      workspace={path.workspaceId}
                      file={file.path}
                      canEdit={canEdit}
                      line={search.line}
                      onGo={(to, line) => change({ file: to, line }, true)}
                      onMove={() => ask('move')}
                      onDelete={() => ask('delete')}
                      onGone={() => close(file.path)}
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
          {
            id: 'sync',
            label: 'Sync',
            ...(waiting === undefined ? {} : { count: waiting }),
            content: <Sync path={path} canEdit={canEdit} />,
          },
        ]}
      />
      {asked === 'submit' && <Submit path={path} open={open} edited={edited} onClose={() => ask(undefined)} />}
      {asked === 'new' && <NewFile path={path} onClose={() => ask(undefined)} />}
      {asked === 'checkpoint' && <Checkpoint path={path} onClose={() => ask(undefined)} />}
      {asked === 'rename' && <Rename path={path} workspace={tree.workspace} onClose={() => ask(undefined)} />}
      {asked === 'reset' && <Reset path={path} workspace={tree.workspace} onClose={() => ask(undefined)} />}
      {asked === 'move' && file && (
        <MoveFile
          path={path}
          file={file.path}
          blob={file.blob}
          onMoved={(to) => {
            setOpened(here.map((one) => (one === file.path ? to : one)));
            change({ file: to });
          }}
          onClose={() => ask(undefined)}
        />
      )}
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
                <SemanticList
                  diff={diff}
                  onJump={({ filePath, lineStart }) =>
                    change({ tab: undefined, file: filePath, line: lineStart ?? undefined }, true)
                  }
                />
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
