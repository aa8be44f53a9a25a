import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { PencilRuler, Plus } from 'lucide-react';
import { useState } from 'react';
import { listWorkspacesOptions } from '../api/gen/@tanstack/react-query.gen';
import { createWorkspace } from '../api/gen/sdk.gen';
import { fieldErrors, formError } from '../api/problem';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { TextField } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Badge } from '../ui/Status';
import { Empty, FormError, Loaded } from '../ui/states';
import { Time } from '../ui/Time';
import { useAct } from '../util/act';
import { useIdOf } from '../util/where';

export function Workspaces() {
  const appId = useIdOf('appId');
  const path = { appId };
  const navigate = useNavigate();
  const [isNew, askNew] = useState(false);
  const [name, setName] = useState('');
  const workspaces = useQuery(listWorkspacesOptions({ path }));
  const create = useAct(() => createWorkspace({ path, body: { name } }), {
    quiet: true,
    onDone: ({ data }) => data && navigate({ to: paths.workspace(appId, data.id) }),
  });
  return (
    <Page
      title="Workspaces"
      note="Yours alone. Edits are saved as you type; submitting makes a changeset of them."
      actions={
        <Button icon={Plus} onPress={() => askNew(true)}>
          New workspace
        </Button>
      }
    >
      <Panel>
        <Loaded query={workspaces}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty icon={PencilRuler} title="No workspace yet">
                Make one and edit the app's files in it.
              </Empty>
            ) : (
              <ul>
                {data.map((workspace) => (
                  <li key={workspace.id} className="border-t border-line first:border-t-0">
                    <Link
                      to={paths.workspace(appId, workspace.id)}
                      className="flex flex-wrap items-center gap-3 px-4 py-2 hover:bg-hover"
                    >
                      <span className="min-w-48 flex-1">
                        <span className="font-medium">{workspace.name}</span>
                        <span className="block font-mono text-xs text-soft">{workspace.branch}</span>
                      </span>
                      {workspace.dirty && <Badge tone="info">Edited</Badge>}
                      <span className="text-sm text-soft">
                        <Time at={workspace.updated_at} />
                      </span>
                    </Link>
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Panel>
      <Dialog
        title="New workspace"
        isOpen={isNew}
        onClose={() => askNew(false)}
        footer={
          <Button look="primary" isPending={create.isPending} onPress={() => create.mutate()}>
            Create
          </Button>
        }
      >
        <FormError error={formError(create.error, ['name'])} />
        <TextField
          label="Name"
          hint="What you are about to do"
          value={name}
          error={fieldErrors(create.error).name}
          onChange={(event) => setName(event.target.value)}
        />
      </Dialog>
    </Page>
  );
}
