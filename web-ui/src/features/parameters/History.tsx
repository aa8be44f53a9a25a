import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { FileClock, History as Rewind } from 'lucide-react';
import { useState } from 'react';
import { getEnvironmentHistoryOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { Environment } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Button, buttonLook } from '../../ui/Button';
import { Badge, words } from '../../ui/Status';
import { Empty, Loaded } from '../../ui/states';
import { Pager } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { live } from '../../util/act';
import { useFilters } from '../../util/where';
import { Restore } from './Restore';
import { ValueDiff } from './ValueDiff';
import { type ConfigVersion, comparing, rowsOf } from './versions';

type HistoryProps = { path: { appId: string; envId: string }; stage: Environment | undefined };

/** Every version of an environment: who, when, why, approved by whom, before and after. */
export function History({ path, stage }: HistoryProps) {
  const [search, change] = useFilters();
  const [restored, restore] = useState<number | undefined>();
  const running = stage?.running?.config_version;
  const canRestore = stage?.allowed_actions.includes('save_parameters');
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
                <Version key={version.config_version} version={version}>
                  {stage && version.config_version !== running && (
                    <Link
                      to={paths.parameters(path.appId, path.envId)}
                      search={comparing(stage.name, version.config_version) as never}
                      className={buttonLook('quiet', true)}
                    >
                      Compare with now
                    </Link>
                  )}
                  {canRestore && version.config_version !== running && (
                    <Button
                      small
                      icon={Rewind}
                      aria-label={`Restore version ${version.config_version}`}
                      onPress={() => restore(version.config_version)}
                    >
                      Restore
                    </Button>
                  )}
                </Version>
              ))}
            </ol>
            <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
            {restored && stage && (
              <Restore path={path} stage={stage} version={restored} onClose={() => restore(undefined)} />
            )}
          </>
        )
      }
    </Loaded>
  );
}

function Version({ version, children }: { version: ConfigVersion; children: React.ReactNode }) {
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
        <span className="ml-auto flex gap-1.5">{children}</span>
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
