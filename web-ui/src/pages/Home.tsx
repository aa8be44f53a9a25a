import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Boxes, Plus } from 'lucide-react';
import { listAppsOptions, meOptions } from '../api/gen/@tanstack/react-query.gen';
import { StageChips } from '../features/environments/StageChips';
import { useWaiting } from '../features/home/useWaiting';
import { WaitingList } from '../features/home/WaitingList';
import { paths } from '../paths';
import { buttonLook } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Badge, words } from '../ui/Status';
import { Empty, ErrorPanel, Loaded, Skeleton } from '../ui/states';

export function Home() {
  const me = useQuery(meOptions());
  const apps = useQuery(listAppsOptions({ query: { limit: 200 } }));
  const waiting = useWaiting(apps.data?.data ?? []);
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
      <Panel title="Waiting for me" aside={waiting.list.length > 0 && <Badge>{waiting.list.length}</Badge>}>
        {waiting.error !== undefined && <ErrorPanel error={waiting.error} />}
        {apps.isPending || waiting.isPending ? (
          <Skeleton />
        ) : (
          (waiting.list.length > 0 || (apps.isSuccess && waiting.error === undefined)) && (
            <WaitingList list={waiting.list} />
          )
        )}
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
                    <StageChips stages={waiting.stages(app.id)} />
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
