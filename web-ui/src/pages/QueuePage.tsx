import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { ListOrdered, PackagePlus } from 'lucide-react';
import { useState } from 'react';
import { getAppOptions, getQueueOptions } from '../api/gen/@tanstack/react-query.gen';
import { draftRelease, reorderQueue } from '../api/gen/sdk.gen';
import type { Changeset } from '../api/gen/types.gen';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { OrderedList } from '../ui/OrderedList';
import { Page, Panel } from '../ui/Page';
import { Empty, Loaded } from '../ui/states';
import { Time } from '../ui/Time';
import { live, useAct } from '../util/act';
import { useIdOf } from '../util/where';

export function QueuePage() {
  const appId = useIdOf('appId');
  const path = { appId };
  const navigate = useNavigate();
  const queries = useQueryClient();
  const app = useQuery(getAppOptions({ path }));
  const options = getQueueOptions({ path });
  const queue = useQuery({ ...options, ...live });
  const [chosen, choose] = useState<string[]>([]);
  const may = (action: string) => app.data?.allowed_actions.includes(action) ?? false;
  // Shown at once; a refusal reads the server's order again, and says why.
  const order = useAct((list: Changeset[]) => {
    queries.setQueryData(options.queryKey, { data: list });
    return reorderQueue({ path, body: { changeset_ids: list.map(({ id }) => id) } });
  });
  const list = queue.data?.data ?? [];
  const picked = list.filter(({ id }) => chosen.includes(id)).map(({ id }) => id);
  const draft = useAct(() => draftRelease({ path, body: { changeset_ids: picked } }), {
    onDone: ({ data }) => data && navigate({ to: paths.release(appId, data.id) }),
  });
  return (
    <Page
      title="Queue"
      note="Approved changesets, in the order in which a release would take them."
      actions={
        may('draft_release') && (
          <Button
            look="primary"
            icon={PackagePlus}
            isDisabled={picked.length === 0}
            isPending={draft.isPending}
            onPress={() => draft.mutate()}
          >
            {picked.length === 0 ? 'Draft a release' : `Draft a release of ${picked.length}`}
          </Button>
        )
      }
    >
      <Panel
        title="Queued"
        aside={
          may('draft_release') &&
          list.length > 0 && (
            <Button
              small
              look="quiet"
              onPress={() => choose(picked.length === list.length ? [] : list.map(({ id }) => id))}
            >
              {picked.length === list.length ? 'Select none' : 'Select all'}
            </Button>
          )
        }
      >
        <Loaded query={queue}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty icon={ListOrdered} title="The queue is empty">
                <Link to={paths.changesets(appId)} search={{ state: 'approved' }} className="text-accent underline">
                  Approved changesets
                </Link>{' '}
                are queued by their author or a config manager.
              </Empty>
            ) : (
              <OrderedList
                label="Queue"
                items={data}
                idOf={({ id }) => id}
                nameOf={({ number, title }) => `#${number} ${title}`}
                canOrder={may('reorder_queue')}
                onOrder={(next) => order.mutate(next)}
              >
                {(changeset) => (
                  <div className="flex flex-wrap items-center gap-x-3 gap-y-1 pr-2">
                    {may('draft_release') && !changeset.release_id && (
                      <input
                        type="checkbox"
                        className="size-4 accent-accent"
                        aria-label={`Select #${changeset.number}`}
                        checked={chosen.includes(changeset.id)}
                        onChange={(event) =>
                          choose(
                            event.target.checked
                              ? [...chosen, changeset.id]
                              : chosen.filter((id) => id !== changeset.id),
                          )
                        }
                      />
                    )}
                    <span className="min-w-40 flex-1">
                      <Link to={paths.changeset(appId, changeset.id)} className="font-medium hover:underline">
                        #{changeset.number} {changeset.title}
                      </Link>
                      <span className="block text-sm text-soft">
                        {changeset.author.name}, <Time at={changeset.updated_at} />
                      </span>
                    </span>
                    {changeset.release_id && (
                      <Link
                        to={paths.release(appId, changeset.release_id)}
                        className="text-sm text-accent hover:underline"
                      >
                        In a draft release
                      </Link>
                    )}
                  </div>
                )}
              </OrderedList>
            )
          }
        </Loaded>
      </Panel>
    </Page>
  );
}
