import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Boxes, Plus } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { listAppsOptions, listWaitingOptions, meOptions } from '../api/gen/@tanstack/react-query.gen';
import type { ListedApp, ListWaitingData } from '../api/gen/types.gen';
import { StageChips } from '../features/environments/StageChips';
import { WaitingList } from '../features/home/WaitingList';
import { paths } from '../paths';
import { Button, buttonLook } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Badge, words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Pager } from '../ui/Table';
import { useFilters } from '../util/where';

const HomeFilter = lazy(() => import('../features/home/HomeFilter'));
type Query = NonNullable<ListWaitingData['query']>;

/** No stream tells of all apps at once, so they are asked. */
const calm = { refetchInterval: 15_000 } as const;
/** How much of what waits is seen at once. */
const SEEN = 25;

export function Home() {
  const me = useQuery(meOptions());
  const [search, change] = useFilters();
  const apps = useQuery({ ...listAppsOptions({ query: { limit: 200 } }), ...calm });
  const { page = 1, type: kind, app, q } = search;
  const isNarrow = Boolean(kind || app || q);
  const [isOpen, open] = useState(isNarrow);
  const waiting = useQuery({
    ...listWaitingOptions({ query: { page, limit: SEEN, ...(kind && { kind }), ...(app && { app }) } as Query }),
    ...calm,
    placeholderData: keepPreviousData,
  });
  const waits = waiting.data?.total ?? 0;
  const canCreate = me.data?.allowed_actions.includes('create_app');
  return (
    <Page
      title="Home"
      actions={
        <>
          <Button aria-expanded={isOpen} onPress={() => open(!isOpen)}>
            Filter
          </Button>
          {canCreate && (
            <Link to={paths.newApp} className={buttonLook('plain')}>
              <Plus aria-hidden size={14} /> New app
            </Link>
          )}
        </>
      }
    >
      {isOpen && (
        <Suspense>
          <HomeFilter search={search} change={change} apps={apps.data?.data ?? []} onClose={() => open(false)} />
        </Suspense>
      )}
      <Panel title="Waiting for me" aside={waits > 0 && <Badge>{waits}</Badge>}>
        <Loaded query={waiting}>
          {({ data, page, limit, total }) => (
            <>
              <WaitingList list={data} tellsApp={(apps.data?.total ?? 0) > 1} isNarrow={Boolean(kind || app)} />
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
            <Apps list={data.filter(({ name }) => name.toLowerCase().includes((q ?? '').toLowerCase()))} />
          )
        }
      </Loaded>
    </Page>
  );
}

function Apps({ list }: { list: ListedApp[] }) {
  if (list.length === 0) return <p className="text-soft">No app is called that.</p>;
  return (
    <ul className="grid gap-3 sm:grid-cols-2">
      {list.map((app) => (
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
  );
}
