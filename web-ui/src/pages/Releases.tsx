import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { listEnvironmentsOptions, listReleasesOptions } from '../api/gen/@tanstack/react-query.gen';
import { ReleaseRows } from '../features/releases/ReleaseRows';
import { paths } from '../paths';
import { buttonLook } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Loaded } from '../ui/states';
import { Pager } from '../ui/Table';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

export function Releases() {
  const appId = useIdOf('appId');
  const [search, change] = useFilters();
  const releases = useQuery({
    ...listReleasesOptions({ path: { appId }, query: { page: search.page ?? 1, limit: 50 } }),
    ...live,
  });
  const stages = useQuery({ ...listEnvironmentsOptions({ path: { appId } }), ...live });
  return (
    <Page
      title="Releases"
      actions={
        <Link to={paths.queue(appId)} className={buttonLook('plain')}>
          Pick from the queue
        </Link>
      }
    >
      <Panel>
        <Loaded query={releases}>
          {({ data, page, limit, total }) => (
            <>
              <ReleaseRows app={appId} list={data} stages={stages.data?.data ?? []} />
              <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
            </>
          )}
        </Loaded>
      </Panel>
    </Page>
  );
}
