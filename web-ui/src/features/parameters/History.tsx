import { useQuery } from '@tanstack/react-query';
import { FileClock } from 'lucide-react';
import { getEnvironmentHistoryOptions } from '../../api/gen/@tanstack/react-query.gen';
import { Badge, words } from '../../ui/Status';
import { Empty, Loaded } from '../../ui/states';
import { Pager } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { live } from '../../util/act';
import { useFilters } from '../../util/where';
import { ValueDiff } from './ValueDiff';
import { type ConfigVersion, rowsOf } from './versions';

/** Every version of an environment: who, when, why, approved by whom, before and after. */
export function History({ path }: { path: { appId: string; envId: string } }) {
  const [search, change] = useFilters();
  const history = useQuery({
    ...getEnvironmentHistoryOptions({ path, query: { page: search.page ?? 1, limit: 20 } }),
    ...live,
  });
  return (
    <Loaded query={history}>
      {({ data, page, limit, total }) =>
        data.length === 0 ? (
          <Empty icon={FileClock} title="Nothing ran here yet" />
        ) : (
          <>
            <ol>
              {(data as ConfigVersion[]).map((version) => (
                <Version key={version.config_version} version={version} />
              ))}
            </ol>
            <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
          </>
        )
      }
    </Loaded>
  );
}

function Version({ version }: { version: ConfigVersion }) {
  const rows = rowsOf(version.parameters);
  const { files } = version;
  const touched = files ? files.added + files.changed + files.removed : 0;
  return (
    <li className="border-t border-line px-4 py-2.5 first:border-t-0">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <b className="font-semibold tabular-nums">Version {version.config_version}</b>
        <Badge tone={version.kind === 'save' || version.kind === 'draft' ? 'info' : 'neutral'}>
          {words(version.kind)}
        </Badge>
        <span className="text-soft">
          {version.changed_by}, <Time at={version.at} />
          {version.approved_by && `, approved by ${version.approved_by}`}, {version.release_tag}
        </span>
      </p>
      {version.reason && <p className="break-words">{version.reason}</p>}
      {(rows.length > 0 || touched > 0) && (
        <details className="mt-1" open={rows.length > 0 && rows.length <= 4}>
          <summary className="w-fit cursor-pointer rounded text-sm text-accent">
            {rows.length} {rows.length === 1 ? 'parameter' : 'parameters'}
            {files && `, ${files.added} files added, ${files.changed} changed, ${files.removed} removed`}
          </summary>
          {rows.length > 0 && (
            <div className="mt-1.5">
              <ValueDiff rows={rows} />
            </div>
          )}
        </details>
      )}
    </li>
  );
}
