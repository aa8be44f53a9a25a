import { useQuery } from '@tanstack/react-query';
import { Check, GitMerge, TriangleAlert } from 'lucide-react';
import { useMemo, useState } from 'react';
import { getSyncOptions } from '../../api/gen/@tanstack/react-query.gen';
import { abortSync, continueSync, resolveConflict, syncIntegration } from '../../api/gen/sdk.gen';
import type { Resolution, SyncConflict, SyncMode } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { Panel } from '../../ui/Page';
import { Badge } from '../../ui/Status';
import { Empty, FormError, Loaded } from '../../ui/states';
import { toast } from '../../ui/toast';
import { useAct } from '../../util/act';
import { counted } from '../changes/SemanticList';
import { Keys } from '../merge/Keys';
import { keysElsewhere, PutTogether } from '../merge/PutTogether';

type Path = { appId: string; workspaceId: string };
const LABELS = { ours: 'Yours', theirs: 'Integration branch' };

/** Brings the integration branch into a workspace, file by file where the two collide. */
export function Sync({ path, canEdit }: { path: Path; canEdit: boolean }) {
  const sync = useQuery(getSyncOptions({ path }));
  const [mode, setMode] = useState<SyncMode>('merge');
  const begin = useAct(() => syncIntegration({ path, body: { mode } }), {
    quiet: true,
    onDone: ({ data }) =>
      data?.pending ? undefined : toast.done('The workspace holds what the integration branch holds'),
  });
  const resolve = useAct((wish: { path: string; resolution: Resolution }) => resolveConflict({ path, body: wish }), {
    done: 'Resolved',
  });
  const go = useAct(() => continueSync({ path, body: {} }), {
    quiet: true,
    done: ({ data }) => (data?.pending ? 'The next commit collides as well' : 'Synced'),
  });
  const abort = useAct(() => abortSync({ path, body: {} }), { done: 'Given up; everything is as it was before' });
  return (
    <Panel title="Integration branch">
      <Loaded query={sync}>
        {({ pending, conflicts }) => {
          if (!pending) {
            return (
              <div className="flex flex-col gap-3 p-4">
                <FormError error={begin.error ?? go.error} />
                <p>
                  What others published since this workspace began comes into it. Nothing of yours is lost: where both
                  changed the same, you choose.
                </p>
                <fieldset className="flex flex-col gap-1.5">
                  <legend className="pb-1 font-medium">How</legend>
                  {(
                    [
                      ['merge', 'By a merge commit'],
                      ['rebase', 'By replaying your commits on top of it'],
                    ] as const
                  ).map(([value, label]) => (
                    <label key={value} className="flex items-center gap-1.5">
                      <input
                        type="radio"
                        name="mode"
                        className="accent-accent"
                        checked={mode === value}
                        onChange={() => setMode(value)}
                      />
                      {label}
                    </label>
                  ))}
                </fieldset>
                <div>
                  <Button
                    look="primary"
                    icon={GitMerge}
                    isDisabled={!canEdit}
                    isPending={begin.isPending}
                    onPress={() => begin.mutate()}
                  >
                    Bring it in
                  </Button>
                </div>
              </div>
            );
          }
          const open = conflicts.filter(({ resolved }) => !resolved).length;
          return (
            <>
              <div className="flex flex-wrap items-center gap-2 border-b border-line bg-warn-tint px-4 py-2.5 text-warn">
                <p role="status" className="min-w-48 flex-1">
                  {open === 0
                    ? 'Every file is resolved.'
                    : `${open} of ${conflicts.length} ${conflicts.length === 1 ? 'file collides' : 'files collide'} with commit ${pending.onto.slice(0, 10)}. Choose what each is to hold.`}
                </p>
                <Button isPending={abort.isPending} onPress={() => abort.mutate()}>
                  Give up
                </Button>
                <Button look="primary" isDisabled={open > 0} isPending={go.isPending} onPress={() => go.mutate()}>
                  Finish
                </Button>
              </div>
              <FormError error={go.error} />
              {conflicts.length === 0 && <Empty icon={Check} title="Nothing collides" />}
              <ul>
                {conflicts.map((conflict) => (
                  <li key={conflict.path} className="border-t border-line first:border-t-0">
                    <Conflict
                      conflict={conflict}
                      isPending={resolve.isPending}
                      onResolve={(resolution) => resolve.mutate({ path: conflict.path, resolution })}
                    />
                  </li>
                ))}
              </ul>
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

type ConflictProps = { conflict: SyncConflict; isPending: boolean; onResolve: (resolution: Resolution) => void };

function Conflict({ conflict, isPending, onResolve }: ConflictProps) {
  const { base, ours, theirs, keys } = conflict;
  const [isOpen, open] = useState(!conflict.resolved);
  const [wasResolved, setResolved] = useState(conflict.resolved);
  if (wasResolved !== conflict.resolved) {
    setResolved(conflict.resolved);
    open(!conflict.resolved);
  }
  const isText = typeof ours === 'string' && typeof theirs === 'string';
  // What is decided place by place is shown there, and not twice.
  const others = useMemo(
    () => (isText ? keysElsewhere(base ?? '', ours, theirs, keys?.conflicts ?? []) : (keys?.conflicts ?? [])),
    [isText, base, ours, theirs, keys],
  );
  return (
    <section aria-label={conflict.path} className="flex flex-col gap-3 px-4 py-3">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="min-w-0 flex-1 font-mono text-sm font-semibold break-all">{conflict.path}</h3>
        {conflict.resolved ? (
          <Badge tone="good" icon={Check}>
            Resolved
          </Badge>
        ) : (
          <Badge tone="bad" icon={TriangleAlert}>
            Open
          </Badge>
        )}
        {conflict.resolved && (
          <Button small aria-expanded={isOpen} onPress={() => open(!isOpen)}>
            {isOpen ? 'Close' : 'Choose again'}
          </Button>
        )}
      </div>
      {isOpen && (
        <>
          {conflict.reason && <p>{conflict.reason}</p>}
          {keys && (
            <>
              <Keys list={others} total={others.length + keys.total - keys.conflicts.length} {...LABELS} />
              {keys.unreadable.map(({ version, line, message }) => (
                <p key={version} className="text-warn">
                  The {version} version cannot be read, line {line}: {message}
                </p>
              ))}
              {keys.only_ours + keys.only_theirs > 0 && (
                <p className="text-sm text-soft">{besides(keys.only_ours, keys.only_theirs)}</p>
              )}
            </>
          )}
          {isText && (
            <PutTogether
              name={conflict.path}
              base={base ?? ''}
              ours={ours}
              theirs={theirs}
              labels={LABELS}
              keys={keys?.conflicts ?? []}
              isPending={isPending}
              onUse={(text) => onResolve({ kind: 'content', text })}
            />
          )}
          <div className="flex flex-wrap items-center gap-2 border-t border-line pt-3">
            {isText && <span className="text-sm text-soft">Or the whole file at once:</span>}
            <Button isPending={isPending} onPress={() => onResolve({ kind: 'ours' })}>
              {conflict.ours_blob ? 'Keep the whole file as yours' : 'Leave it deleted, as you did'}
            </Button>
            <Button isPending={isPending} onPress={() => onResolve({ kind: 'theirs' })}>
              {conflict.theirs_blob ? 'Take the whole file of the branch' : 'Delete it, as the branch did'}
            </Button>
            {conflict.ours_blob && conflict.theirs_blob && (
              <Button look="danger" isPending={isPending} onPress={() => onResolve({ kind: 'delete' })}>
                Delete it
              </Button>
            )}
          </div>
        </>
      )}
    </section>
  );
}

/** What becomes of the keys that one side alone changed. */
function besides(ours: number, theirs: number) {
  const said = (who: string, count: number, one: string, many: string) =>
    count > 0 ? `${who} alone changed ${counted(count, 'other key')}; ${count === 1 ? one : many}.` : '';
  return [
    said('You', ours, 'it stays as you have it', 'they stay as you have them'),
    said('The integration branch', theirs, 'it is taken over', 'they are taken over'),
  ]
    .filter(Boolean)
    .join(' ');
}
