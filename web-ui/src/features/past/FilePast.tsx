import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { History } from 'lucide-react';
import { useState } from 'react';
import {
  getChangesetBlameOptions,
  getChangesetFileHistoryOptions,
  getWorkspaceBlameOptions,
  getWorkspaceFileHistoryOptions,
} from '../../api/gen/@tanstack/react-query.gen';
import type { Blame, FileOrigin } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Badge, words } from '../../ui/Status';
import { Empty, Loaded } from '../../ui/states';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/Time';

/** Where a file is looked at: in a workspace, or in a revision of a changeset. */
export type PastOf = { app: string; workspace: string } | { app: string; changeset: string; revision: number };
type PastProps = { of: PastOf; file: string };

/** What became of a file before: what changed it, and what last set each of its lines. */
export default function FilePast({ of, file, onClose }: PastProps & { onClose: () => void }) {
  const [tab, choose] = useState('history');
  return (
    <Dialog title={`The past of ${file}`} isOpen wide onClose={onClose}>
      <Tabs
        label="The file's past"
        selected={tab}
        onSelect={choose}
        parts={[
          { id: 'history', label: 'History', content: <Changes of={of} file={file} /> },
          { id: 'lines', label: 'Line by line', content: <Lines of={of} file={file} /> },
        ]}
      />
    </Dialog>
  );
}

function Changes({ of, file }: PastProps) {
  const [page, turn] = useState(1);
  const part = { path: file, page, limit: 20 };
  const ofWorkspace = useQuery({
    ...getWorkspaceFileHistoryOptions({
      path: { appId: of.app, workspaceId: 'workspace' in of ? of.workspace : '' },
      query: part,
    }),
    enabled: 'workspace' in of,
  });
  const ofChangeset = useQuery({
    ...getChangesetFileHistoryOptions({
      path: { appId: of.app, changesetId: 'changeset' in of ? of.changeset : '' },
      query: { ...part, ...('changeset' in of ? { revision: of.revision } : {}) },
    }),
    enabled: 'changeset' in of,
  });
  return (
    <Loaded query={'workspace' in of ? ofWorkspace : ofChangeset}>
      {({ data, has_more, is_cut }) =>
        data.length === 0 && page === 1 && !is_cut ? (
          <Empty icon={History} title="No release has this file yet">
            It comes with what is edited here.
          </Empty>
        ) : (
          <>
            <ul>
              {data.map((origin) => (
                <li key={origin.commit} className="border-t border-line py-2 first:border-t-0">
                  <Origin app={of.app} origin={origin} />
                </li>
              ))}
            </ul>
            {is_cut && <p className="py-2 text-soft">Older changes were not looked for: the history is too long.</p>}
            {(page > 1 || has_more) && (
              <nav aria-label="Pages" className="flex justify-end gap-1.5 pt-2">
                <Button small isDisabled={page === 1} onPress={() => turn(page - 1)}>
                  Newer
                </Button>
                <Button small isDisabled={!has_more} onPress={() => turn(page + 1)}>
                  Older
                </Button>
              </nav>
            )}
          </>
        )
      }
    </Loaded>
  );
}

/** A change of a file: what it did, which changeset brought it, who approved that, and the release that has it. */
function Origin({ app, origin }: { app: string; origin: FileOrigin }) {
  const { changeset, release } = origin;
  const approved = changeset?.approved_by.map(({ name }) => name).join(', ');
  return (
    <div className="flex flex-wrap items-start gap-x-3 gap-y-1">
      <span className="min-w-48 flex-1">
        {changeset ? (
          <Link to={paths.changeset(app, changeset.id)} className="font-medium break-words hover:underline">
            #{changeset.number} {changeset.title}
          </Link>
        ) : (
          <span className="font-medium break-words">{origin.summary}</span>
        )}
        <span className="block text-sm text-soft">
          {changeset?.author.name ?? origin.author}, <Time at={origin.at} />
          {approved && `, approved by ${approved}`}
          {origin.old_path && `, was ${origin.old_path}`}
        </span>
      </span>
      <Badge>{words(origin.kind)}</Badge>
      {release && (
        <Link to={paths.release(app, release.id)} className="font-mono text-sm hover:underline">
          {release.tag}
        </Link>
      )}
    </div>
  );
}

function Lines({ of, file }: PastProps) {
  const ofWorkspace = useQuery({
    ...getWorkspaceBlameOptions({
      path: { appId: of.app, workspaceId: 'workspace' in of ? of.workspace : '' },
      query: { path: file },
    }),
    enabled: 'workspace' in of,
  });
  const ofChangeset = useQuery({
    ...getChangesetBlameOptions({
      path: { appId: of.app, changesetId: 'changeset' in of ? of.changeset : '' },
      query: { path: file, ...('changeset' in of ? { revision: of.revision } : {}) },
    }),
    enabled: 'changeset' in of,
  });
  return (
    <Loaded query={'workspace' in of ? ofWorkspace : ofChangeset}>
      {(blame) => <Blamed app={of.app} blame={blame} own={'workspace' in of ? 'This workspace' : 'This changeset'} />}
    </Loaded>
  );
}

function Blamed({ app, blame, own }: { app: string; blame: Blame; own: string }) {
  const text = blame.text.split('\n');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key
    <section aria-label="Lines" tabIndex={0} className="relative overflow-x-auto rounded-md border border-line">
      <table className="w-full border-collapse text-sm leading-5">
        <thead className="sr-only">
          <tr>
            <th scope="col">Last set by</th>
            <th scope="col">Line</th>
            <th scope="col">Text</th>
          </tr>
        </thead>
        <tbody>
          {blame.lines.map(({ first, last, origin: place, is_older }) => {
            const origin = typeof place === 'number' ? blame.origins[place] : undefined;
            return text.slice(first - 1, last).map((line, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one text never move
              <tr key={first + at} className={at === 0 && first > 1 ? 'border-t border-line' : ''}>
                {at === 0 && (
                  <td
                    rowSpan={last - first + 1}
                    className="w-96 max-w-96 min-w-44 bg-sunken px-2 align-top sm:min-w-72"
                  >
                    {origin ? <By app={app} origin={origin} /> : is_older ? 'Older than was looked at' : own}
                  </td>
                )}
                <td className="w-10 px-2 text-right align-top font-mono text-soft select-none">{first + at}</td>
                <td className="px-3 font-mono whitespace-pre">{line}</td>
              </tr>
            ));
          })}
        </tbody>
      </table>
    </section>
  );
}

/** What last set lines: which changeset, with the way to this file in it, by whom, and when. */
function By({ app, origin }: { app: string; origin: FileOrigin }) {
  const { changeset } = origin;
  const told = changeset ? `#${changeset.number} ${changeset.title}` : origin.summary;
  const look = 'block truncate';
  return (
    <span className="grid gap-x-2 sm:grid-cols-[minmax(0,1fr)_auto]">
      {changeset ? (
        <Link
          to={paths.changeset(app, changeset.id)}
          search={{ tab: 'files', file: origin.path } as never}
          title={told}
          className={`${look} hover:underline`}
        >
          {told}
        </Link>
      ) : (
        <span title={told} className={look}>
          {told}
        </span>
      )}
      <span className="truncate text-soft">
        {changeset?.author.name ?? origin.author}, <Time at={origin.at} />
      </span>
    </span>
  );
}
