import { Link } from '@tanstack/react-router';
import { CircleDot, Inbox, ListOrdered, PencilLine, ShieldCheck, TriangleAlert } from 'lucide-react';
import { Badge } from '../../ui/Status';
import { Empty } from '../../ui/states';
import { Time } from '../../ui/Time';
import type { Waiting } from './useWaiting';

const ICONS: Record<string, typeof CircleDot> = {
  'Approve values': ShieldCheck,
  'Approve deployment': ShieldCheck,
  'Solve the conflict': TriangleAlert,
  Queue: ListOrdered,
  Submit: PencilLine,
};

/** Everything that waits, below one another: what to do, with what, and for whom. */
export function WaitingList({ list }: { list: Waiting[] }) {
  if (list.length === 0) {
    return (
      <Empty icon={Inbox} title="Nothing waits for you">
        Reviews, drafts and deployments to approve, conflicts and changesets to queue appear here.
      </Empty>
    );
  }
  return (
    <ul>
      {list.map(({ key, to, ask, title, by, at, where, isUrgent }) => (
        <li key={key} className="border-t border-line first:border-t-0">
          <Link
            to={to}
            className="grid items-center gap-x-4 gap-y-1 px-4 py-2 hover:bg-hover sm:grid-cols-[10.5rem_1fr_auto]"
          >
            <span>
              <Badge tone={isUrgent ? 'warn' : 'info'} icon={ICONS[ask] ?? CircleDot}>
                {ask}
              </Badge>
            </span>
            <span className="min-w-0">
              <span className="block font-medium break-words">{title}</span>
              <span className="block text-sm break-words text-soft">{by}</span>
            </span>
            <span className="text-sm text-soft sm:text-right">
              <Time at={at} />
              {where && <span className="sm:block max-sm:before:content-['_in_']">{where}</span>}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
