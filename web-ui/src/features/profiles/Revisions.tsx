import { useQuery } from '@tanstack/react-query';
import { RotateCcw } from 'lucide-react';
import { listProfileRevisionsOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { ProfileRevision, RuntimeProfile } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { Panel } from '../../ui/Page';
import { Loaded } from '../../ui/states';
import { Time } from '../../ui/Time';
import { useFilters } from '../../util/where';
import { ValueDiff } from '../parameters/ValueDiff';
import { differences } from './differences';

type RevisionsProps = {
  app: string;
  profile: RuntimeProfile;
  nameOf: (profile: string) => string;
  onRevert: ((revision: ProfileRevision) => void) | undefined;
};

/** Every revision of a profile, with what it changed, by whom and why. */
export function Revisions({ app, profile, nameOf, onRevert }: RevisionsProps) {
  const [, change] = useFilters();
  const revisions = useQuery(listProfileRevisionsOptions({ path: { appId: app, profileId: profile.id } }));
  return (
    <Panel title="Newest first">
      <Loaded query={revisions}>
        {({ data }) => (
          <ol>
            {data.map((revision, at) => {
              const rows = differences(data[at + 1], revision, nameOf);
              const isOld = revision.revision !== profile.revision;
              return (
                <li key={revision.revision} className="border-t border-line px-4 py-2.5 first:border-t-0">
                  <div className="flex flex-wrap items-center gap-2">
                    <b className="font-semibold">Revision {revision.revision}</b>
                    <span className="min-w-0 flex-1 text-soft">
                      {revision.changed_by.name}, <Time at={revision.changed_at} />
                      {revision.reason && <span className="break-words text-text">: {revision.reason}</span>}
                    </span>
                    {isOld && (
                      <Button
                        small
                        look="quiet"
                        aria-label={`Compare with now: revision ${revision.revision}`}
                        onPress={() =>
                          change(
                            { tab: 'compare', left: `${profile.id}:${revision.revision}`, right: profile.id },
                            true,
                          )
                        }
                      >
                        Compare with now
                      </Button>
                    )}
                    {onRevert && isOld && (
                      <Button
                        small
                        icon={RotateCcw}
                        aria-label={`Revert to revision ${revision.revision}`}
                        onPress={() => onRevert(revision)}
                      >
                        Revert
                      </Button>
                    )}
                  </div>
                  {rows.length > 0 && (
                    <details className="mt-1" open={rows.length <= 4}>
                      <summary className="w-fit cursor-pointer rounded text-sm text-accent">
                        {rows.length} {rows.length === 1 ? 'change' : 'changes'}
                      </summary>
                      <div className="mt-1.5">
                        <ValueDiff rows={rows} />
                      </div>
                    </details>
                  )}
                </li>
              );
            })}
          </ol>
        )}
      </Loaded>
    </Panel>
  );
}
