import { Link } from '@tanstack/react-router';
import { Boxes, PackageCheck } from 'lucide-react';
import type { Environment, Release } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Badge, Status } from '../../ui/Status';
import { Empty } from '../../ui/states';
import { Time } from '../../ui/Time';

/** What a release is called: its tag once it has one. */
export const nameOf = (release: Pick<Release, 'tag'>) => release.tag ?? 'New release';

type ReleaseRowsProps = { app: string; list: Release[]; stages: Environment[] };

/** Releases below one another, each with the stages that run it. */
export function ReleaseRows({ app, list, stages }: ReleaseRowsProps) {
  if (list.length === 0) {
    return (
      <Empty icon={PackageCheck} title="No releases yet">
        A config manager composes them of{' '}
        <Link to={paths.queue(app)} className="text-accent underline">
          queued changesets
        </Link>
        .
      </Empty>
    );
  }
  return (
    <ul>
      {list.map((release) => (
        <li key={release.id} className="border-t border-line first:border-t-0">
          <Link
            to={paths.release(app, release.id)}
            className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 hover:bg-hover"
          >
            <span className="min-w-40 flex-1">
              <span className={release.tag ? 'font-mono font-semibold' : 'font-medium'}>{nameOf(release)}</span>
              <span className="block text-sm text-soft">
                {release.members.length} {release.members.length === 1 ? 'changeset' : 'changesets'},{' '}
                {release.created_by.name}, <Time at={release.published_at ?? release.updated_at} />
              </span>
            </span>
            {stages
              .filter(({ running }) => running?.release_id === release.id)
              .map(({ id, name }) => (
                <Badge key={id} icon={Boxes}>
                  {name}
                </Badge>
              ))}
            <Status state={release.state} />
          </Link>
        </li>
      ))}
    </ul>
  );
}
