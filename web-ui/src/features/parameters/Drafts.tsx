import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { FilePenLine } from 'lucide-react';
import { listDraftsOptions } from '../../api/gen/@tanstack/react-query.gen';
import { paths } from '../../paths';
import { Status } from '../../ui/Status';
import { Empty, Loaded } from '../../ui/states';
import { Pager } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { live } from '../../util/act';
import { useFilters } from '../../util/where';

/** What was proposed for critical parameters, and what became of it. */
export function Drafts({ path }: { path: { appId: string; envId: string } }) {
  const [search, change] = useFilters();
  const drafts = useQuery({ ...listDraftsOptions({ path, query: { page: search.page ?? 1, limit: 25 } }), ...live });
  return (
    <Loaded query={drafts}>
      {({ data, page, limit, total }) =>
        data.length === 0 ? (
          <Empty icon={FilePenLine} title="No drafts">
            Changes of critical parameters are drafted here; somebody else approves them.
          </Empty>
        ) : (
          <>
            <ul>
              {data.map((draft) => (
                <li key={draft.id} className="border-t border-line first:border-t-0">
                  <Link
                    to={paths.draft(path.appId, path.envId, draft.id)}
                    className="flex flex-wrap items-center gap-3 px-4 py-2 hover:bg-hover"
                  >
                    <span className="min-w-48 flex-1">
                      <span className="font-medium">{Object.keys(draft.changes).join(', ')}</span>
                      <span className="block text-sm text-soft">
                        {draft.edited_by.name}, <Time at={draft.created_at} />
                        {draft.reason && `: ${draft.reason}`}
                      </span>
                    </span>
                    <Status state={draft.state} />
                  </Link>
                </li>
              ))}
            </ul>
            <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
          </>
        )
      }
    </Loaded>
  );
}
