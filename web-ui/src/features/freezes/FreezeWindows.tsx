import { useQuery } from '@tanstack/react-query';
import { Plus, Snowflake } from 'lucide-react';
import { useState } from 'react';
import { getAppOptions, listFreezeWindowsOptions } from '../../api/gen/@tanstack/react-query.gen';
import { removeFreezeWindow } from '../../api/gen/sdk.gen';
import type { FreezeWindow } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Panel } from '../../ui/Page';
import { Badge } from '../../ui/Status';
import { Empty, FormError, Loaded } from '../../ui/states';
import { live, useAct } from '../../util/act';
import { FreezeForm } from './FreezeForm';
import { clock, inWords } from './schedule';

export type EnvironmentPath = { appId: string; envId: string };

/** When an environment is frozen: once, or again and again. */
export function FreezeWindows({ path }: { path: EnvironmentPath }) {
  const windows = useQuery({ ...listFreezeWindowsOptions({ path }), ...live });
  const app = useQuery(getAppOptions({ path: { appId: path.appId } }));
  const canAdd = app.data?.allowed_actions.includes('manage_freezes');
  const [opened, open] = useState<FreezeWindow | 'new' | undefined>();
  const [leaving, askRemove] = useState<FreezeWindow | undefined>();
  const remove = useAct((window: FreezeWindow) => removeFreezeWindow({ path: { ...path, windowId: window.id } }), {
    done: 'Removed',
    quiet: true,
    onDone: () => askRemove(undefined),
  });
  const add = (
    <Button small icon={Plus} onPress={() => open('new')}>
      Add a freeze window
    </Button>
  );
  return (
    <Panel title="Freeze windows" aside={canAdd && add}>
      <Loaded query={windows}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon={Snowflake} title="Never frozen">
              {canAdd
                ? 'Add a freeze window for times at which nobody should deploy or save here.'
                : 'App admins add freeze windows: while one lasts, nobody deploys or saves here.'}
            </Empty>
          ) : (
            <ul>
              {data.map((window) => (
                <li
                  key={window.id}
                  className="flex flex-wrap items-start gap-3 border-t border-line px-4 py-2.5 first:border-t-0"
                >
                  <div className="min-w-56 flex-1">
                    <p className="flex flex-wrap items-center gap-2">
                      <b className="font-semibold break-words">{window.name}</b>
                      {window.now && (
                        <Badge tone="info" icon={Snowflake}>
                          In force until {clock(window.now.ends_at)}
                        </Badge>
                      )}
                    </p>
                    <p>{inWords(window.schedule)}</p>
                    {window.banner && <p className="break-words text-soft">{window.banner}</p>}
                    <p className="text-sm text-soft">
                      {window.next
                        ? `Next from ${clock(window.next.starts_at)} to ${clock(window.next.ends_at)}`
                        : 'Comes no more after this'}
                      , made by {window.created_by.name}
                    </p>
                  </div>
                  <span className="flex gap-1.5">
                    {window.allowed_actions.includes('edit') && (
                      <Button small aria-label={`Edit ${window.name}`} onPress={() => open(window)}>
                        Edit
                      </Button>
                    )}
                    {window.allowed_actions.includes('delete') && (
                      <Button
                        small
                        look="danger"
                        aria-label={`Remove ${window.name}`}
                        onPress={() => askRemove(window)}
                      >
                        Remove
                      </Button>
                    )}
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {opened && (
        <FreezeForm path={path} window={opened === 'new' ? undefined : opened} onClose={() => open(undefined)} />
      )}
      <Dialog
        title={`Remove ${leaving?.name}?`}
        isOpen={leaving !== undefined}
        onClose={() => askRemove(undefined)}
        footer={
          <Button look="danger" isPending={remove.isPending} onPress={() => leaving && remove.mutate(leaving)}>
            Remove
          </Button>
        }
      >
        <FormError error={remove.error} />
        {leaving?.now ? 'It is in force: what it holds back may be written at once.' : 'It will not come again.'}
      </Dialog>
    </Panel>
  );
}
