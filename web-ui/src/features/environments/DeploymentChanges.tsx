import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import {
  getDeploymentDiffOptions,
  listProfileRevisionsOptions,
  listProfilesOptions,
} from '../../api/gen/@tanstack/react-query.gen';
import type { DeploymentChange, Environment } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Panel } from '../../ui/Page';
import { ErrorPanel, Loaded } from '../../ui/states';
import { FileDiffView } from '../changes/FileDiffs';
import { SemanticList } from '../changes/SemanticList';
import { useDrawn } from '../changes/useDrawn';
import { ValueDiff } from '../parameters/ValueDiff';
import { type ConfigVersion, rowsOf } from '../parameters/versions';
import { differences } from '../profiles/differences';

/** What was deployed does not change any more. */
const fixed = { staleTime: Number.POSITIVE_INFINITY, meta: { isFixed: true } } as const;

type Path = { appId: string; deploymentId: string };
type Made = ConfigVersion & { profile_revision: number };
type ChangesProps = { path: Path; change: DeploymentChange; stage: Environment | undefined; onLines: () => void };

/** What a deployment changed: values before and after, what else its profile brought, and files. */
export function DeploymentChanges({ path, change, stage, onLines }: ChangesProps) {
  const made = change.version as unknown as Made;
  const { base } = change;
  const rows = rowsOf(made.parameters).map((row) =>
    change.critical.includes(row.name) ? { ...row, note: 'critical' } : row,
  );
  // The first deployment brings all parameters, and there may be thousands.
  const drawn = useDrawn(rows.length);
  return (
    <>
      <Panel title="Values">
        <div className="flex flex-col gap-3 p-4">
          <p className="text-soft">
            {base
              ? `Version ${made.config_version} took the place of version ${base.config_version}, of ${base.release_tag}.`
              : `Version ${made.config_version} was the first one here.`}
            {base && base.profile_revision !== made.profile_revision && (
              <>
                {' '}
                It brought profile revision {made.profile_revision}; before, revision {base.profile_revision} ran.
              </>
            )}
          </p>
          {rows.length > 0 ? <ValueDiff rows={rows.slice(0, drawn)} /> : <p>No value of a parameter changed.</p>}
          {base && stage && base.profile_revision !== made.profile_revision && (
            <OfProfile
              app={path.appId}
              profile={stage.profile_id}
              from={base.profile_revision}
              to={made.profile_revision}
              told={new Set(Object.keys(made.parameters))}
            />
          )}
        </div>
      </Panel>
      <Files path={path} files={made.files} onLines={onLines} />
    </>
  );
}

type OfProfileProps = { app: string; profile: string; from: number; to: number; told: Set<string> };

/** What the profile brought besides values of parameters: secrets, never their values, and settings. */
function OfProfile({ app, profile, from, to, told }: OfProfileProps) {
  const revisions = useQuery(listProfileRevisionsOptions({ path: { appId: app, profileId: profile } }));
  const profiles = useQuery(listProfilesOptions({ path: { appId: app } }));
  const held = (revision: number) => revisions.data?.data.find((one) => one.revision === revision);
  const [before, after] = [held(from), held(to)];
  if (revisions.isError) return <ErrorPanel error={revisions.error} retry={() => revisions.refetch()} />;
  if (!before || !after) return null;
  const nameOf = (id: string) => profiles.data?.data.find((one) => one.id === id)?.name ?? 'a profile that is gone';
  const rows = differences(before, after, nameOf).filter(({ name }) => !told.has(name));
  if (rows.length === 0) return null;
  return (
    <section>
      <h3 className="mb-1 font-semibold">
        Secrets and other parts of the{' '}
        <Link to={paths.profile(app, profile)} className="text-accent underline">
          profile
        </Link>
      </h3>
      <ValueDiff rows={rows} />
    </section>
  );
}

function Files({ path, files, onLines }: { path: Path; files: Made['files']; onLines: () => void }) {
  const query = { mode: 'semantic', limit: 200 } as const;
  const diff = useQuery({ ...getDeploymentDiffOptions({ path, query }), ...fixed });
  const isNone = files !== null && files.added + files.changed + files.removed === 0;
  return (
    <Panel
      title="Files"
      aside={
        <span className="flex flex-wrap items-center gap-3 text-sm">
          {files && (
            <span className="text-soft tabular-nums">
              {files.added} added, {files.changed} changed, {files.removed} removed
            </span>
          )}
          {!isNone && (
            <button type="button" onClick={onLines} className="rounded text-accent hover:underline">
              Line by line
            </button>
          )}
        </span>
      }
    >
      <div className="px-4 py-3">
        <Loaded query={diff}>{(found) => ('changes' in found ? <SemanticList diff={found} /> : null)}</Loaded>
      </div>
    </Panel>
  );
}

/** The files that a deployment changed, line by line. */
export function DeploymentLines({ path }: { path: Path }) {
  const diff = useQuery({ ...getDeploymentDiffOptions({ path, query: { mode: 'raw', limit: 200 } }), ...fixed });
  const files = diff.data && 'files' in diff.data ? diff.data.files : [];
  const drawn = useDrawn(files.length);
  return (
    <Loaded query={diff}>
      {() =>
        files.length === 0 ? (
          <Panel>
            <p className="px-4 py-3 text-soft">No file changed.</p>
          </Panel>
        ) : (
          <div className="flex flex-col gap-3">
            {files.map((file, at) => (
              <FileDiffView key={file.path} file={file} isSplit={false} isLater={at >= drawn} />
            ))}
          </div>
        )
      }
    </Loaded>
  );
}
