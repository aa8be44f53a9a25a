import { useQuery } from '@tanstack/react-query';
import { getConfigValueHistoryOptions } from '../../api/gen/@tanstack/react-query.gen';
import { Dialog } from '../../ui/Dialog';
import { Badge, words } from '../../ui/Status';
import { Loaded } from '../../ui/states';
import { Time } from '../../ui/Time';
import type { Value } from './edits';
import { Arrow } from './ValueDiff';

/** One change of a value; the API describes it as a plain object. */
type ValueEvent = {
  data: { value: Value | null; old_value: Value | null };
  metadata: { changed_by: string; approved_by: string | null; reason: string | null; kind: string };
  created_at: string;
  stream_version: number;
};

type ValueHistoryProps = { path: { appId: string; envId: string }; name: string; onClose: () => void };

/** What became of one parameter, newest first. */
export function ValueHistory({ path, name, onClose }: ValueHistoryProps) {
  const history = useQuery(getConfigValueHistoryOptions({ path: { ...path, name }, query: { limit: 200 } }));
  return (
    <Dialog title={`History of ${name}`} isOpen wide onClose={onClose}>
      <Loaded query={history}>
        {({ data, total }) => (
          <>
            <ol className="rounded-md border border-line">
              {(data as ValueEvent[])
                .map((event) => event)
                .reverse()
                .map(({ stream_version, created_at, data: change, metadata }) => (
                  <li
                    key={stream_version}
                    className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5 border-t border-line px-3 py-1.5 first:border-t-0"
                  >
                    <span className="min-w-40 text-sm text-soft">
                      Version {stream_version}, <Time at={created_at} />
                    </span>
                    <Badge>{words(metadata.kind)}</Badge>
                    <span className="flex min-w-0 flex-1 flex-wrap items-center gap-1.5">
                      <Arrow before={change.old_value ?? undefined} after={change.value ?? undefined} />
                    </span>
                    <span className="w-full text-sm text-soft">
                      {metadata.changed_by}
                      {metadata.approved_by && `, approved by ${metadata.approved_by}`}
                      {metadata.reason && `: ${metadata.reason}`}
                    </span>
                  </li>
                ))}
            </ol>
            {total > data.length && (
              <p className="pt-2 text-sm text-soft">
                The first {data.length} of {total} changes.
              </p>
            )}
          </>
        )}
      </Loaded>
    </Dialog>
  );
}
