import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { getConfigValueHistoryOptions } from '../../api/gen/@tanstack/react-query.gen';
import { Button } from '../../ui/Button';
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

/** How many changes are shown together. */
const LIMIT = 100;

type ValueHistoryProps = { path: { appId: string; envId: string }; name: string; onClose: () => void };

/** What became of one parameter, newest first. */
export function ValueHistory({ path, name, onClose }: ValueHistoryProps) {
  // The server tells it oldest first, so the newest stand on its last page.
  const [asked, ask] = useState<number | undefined>();
  const history = useQuery(
    getConfigValueHistoryOptions({ path: { ...path, name }, query: { limit: LIMIT, page: asked ?? 1 } }),
  );
  const pages = Math.max(1, Math.ceil((history.data?.total ?? 0) / LIMIT));
  if (asked === undefined && pages > 1) ask(pages);
  return (
    <Dialog title={`History of ${name}`} isOpen wide onClose={onClose}>
      <Loaded query={history}>
        {({ data, page }) => (
          <>
            <ol className="rounded-md border border-line">
              {(data as ValueEvent[]).toReversed().map(({ stream_version, created_at, data: change, metadata }) => (
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
            {pages > 1 && (
              <div className="flex items-center justify-end gap-2 pt-2">
                <span className="text-sm text-soft">
                  Part {pages - page + 1} of {pages}
                </span>
                <Button small isDisabled={page >= pages} onPress={() => ask(page + 1)}>
                  Newer
                </Button>
                <Button small isDisabled={page <= 1} onPress={() => ask(page - 1)}>
                  Older
                </Button>
              </div>
            )}
          </>
        )}
      </Loaded>
    </Dialog>
  );
}
