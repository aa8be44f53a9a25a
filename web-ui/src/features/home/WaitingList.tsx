import { Link } from '@tanstack/react-router';
import { Inbox } from 'lucide-react';
import type { Waiting } from '../../api/gen/types.gen';
import { Badge } from '../../ui/Status';
import { Empty } from '../../ui/states';
import { Time } from '../../ui/Time';
import { addressOf } from '../../util/place';
import { ASKS, by, titleOf } from './asks';

type WaitingListProps = { list: Waiting[]; tellsApp: boolean; isNarrow: boolean };

/** Everything that waits, below one another: what to do, with what, and for whom. */
export function WaitingList({ list, tellsApp, isNarrow }: WaitingListProps) {
  if (list.length === 0) {
    return (
      <Empty icon={Inbox} title={isNarrow ? 'Nothing like that waits for you' : 'Nothing waits for you'}>
        Reviews, drafts and deployments to approve, changesets that came back, and releases to make appear here.
      </Empty>
    );
  }
  return (
    <ul>
      {list.map((row) => (
        <li key={row.kind + row.app.id + row.subject_id} className="border-t border-line first:border-t-0">
          <Link
            to={addressOf(row.app.id, row.page)}
            className="grid items-center gap-x-4 gap-y-1 px-4 py-2 hover:bg-hover sm:grid-cols-[10.5rem_1fr_auto]"
          >
            <span>
              <Badge tone={row.urgent ? 'warn' : 'info'} icon={ASKS[row.kind].icon}>
                {ASKS[row.kind].words}
              </Badge>
            </span>
            <span className="min-w-0">
              <span className="block font-medium break-words">{titleOf(row)}</span>
              <span className="block text-sm break-words text-soft">{by(row)}</span>
            </span>
            <span className="text-sm text-soft sm:text-right">
              <Time at={row.since} />
              {tellsApp && <span className="sm:block max-sm:before:content-['_in_']">{row.app.name}</span>}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
