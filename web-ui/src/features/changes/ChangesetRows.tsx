import { Link } from '@tanstack/react-router';
import type { Changeset } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Badge, Status } from '../../ui/Status';
import { Time } from '../../ui/Time';
import { useAsk } from '../home/useAsk';

/** Changesets below one another, each a link as wide as the list. */
export function ChangesetRows({ app, list }: { app: string; list: Changeset[] }) {
  const askOf = useAsk();
  return (
    <ul>
      {list.map((changeset) => {
        const asks = askOf(changeset.id);
        return (
          <li key={changeset.id} className="border-t border-line first:border-t-0">
            <Link
              to={paths.changeset(app, changeset.id)}
              className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 hover:bg-hover"
            >
              <span className="w-8 text-soft tabular-nums">#{changeset.number}</span>
              <span className="min-w-48 flex-1">
                <span className="font-medium">{changeset.title}</span>
                <span className="block text-sm text-soft">
                  {changeset.author.name}, <Time at={changeset.updated_at} />
                  {changeset.release_tag && `, in ${changeset.release_tag}`}
                  {changeset.revision && `, revision ${changeset.revision.number}`}
                </span>
              </span>
              {changeset.state === 'in_review' && (
                <span className="text-sm text-soft">
                  {changeset.approvals.length} of {changeset.approvals_required} approvals
                </span>
              )}
              {asks && <Badge tone="warn">{asks}</Badge>}
              <Status state={changeset.state} />
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
