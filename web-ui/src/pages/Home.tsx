import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Boxes, Plus } from 'lucide-react';
import { listAppsOptions, listWaitingOptions, meOptions } from '../api/gen/@tanstack/react-query.gen';
import { StageChips } from '../features/environments/StageChips';
import { WaitingList } from '../features/home/WaitingList';
import { paths } from '../paths';
import { buttonLook } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Badge, words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager } from '../ui/Table';
import { useFilters } from '../util/where';

/** No stream tells of all apps at once, so they are asked. */
const calm = { refetchInterval: 15_000 } as const;
/** How much of what waits is seen at once. */
const SEEN = 25;

export function Home() {
  const me = useQuery(meOptions());
  const [search, change] = useFilters();
  const apps = useQuery({ ...listAppsOptions({ query: { limit: 200 } }), ...calm });
  const waiting = useQuery({
    ...listWaitingOptions({ query: { page: search.page ?? 1, limit: SEEN } }),
    ...calm,
    placeholderData: keepPreviousData,
  });
  const waits = waiting.data?.total ?? 0;
  const canCreate = me.data?.allowed_actions.includes('create_app');
  return (
    <Page
      title="Home"
      actions={
        canCreate && (
          <Link to={paths.newApp} className={buttonLook('plain')}>
            <Plus aria-hidden size={14} /> New app
          </Link>
        )
      }
    >
      <Panel title="Waiting for me" aside={waits > 0 && <Badge>{waits}</Badge>}>
        <Loaded query={waiting}>
          {({ data, page, limit, total }) => (
            <>
              <WaitingList list={data} tellsApp={(apps.data?.total ?? 0) > 1} />
              <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
            </>
          )}
        </Loaded>
      </Panel>
      <h2 className="text-lg">Apps</h2>
      <Loaded query={apps}>
        {({ data }) =>
          data.length === 0 ? (
            <Panel>
              <Empty icon={Boxes} title="You are in no app yet">
                {canCreate ? (
                  <Link to={paths.newApp} className="text-accent underline">
                    Make the first one
                  </Link>
                ) : (
                  'Ask an app admin for an invite.'
                )}
              </Empty>
            </Panel>
          ) : (
            <ul className="grid gap-3 sm:grid-cols-2">
              {data.map((app) => (
                <li key={app.id}>
                  <Link
                    to={paths.app(app.id)}
                    className="flex h-full flex-col gap-3 rounded-lg border border-line bg-panel p-4 hover:border-edge"
                  >
                    <span className="flex items-baseline justify-between gap-2">
                      <span className="text-lg font-semibold">{app.name}</span>
                      <span className="text-sm text-soft">{words(app.role)}</span>
                    </span>
                    <StageChips stages={app.stages} />
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Page>
  );
}
