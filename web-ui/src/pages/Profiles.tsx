import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { FileSliders, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import {
  getProfileOptions,
  listEnvironmentsOptions,
  listProfileRevisionsOptions,
  listProfilesOptions,
} from '../api/gen/@tanstack/react-query.gen';
import type { ProfileRevision, RuntimeProfile } from '../api/gen/types.gen';
import { textOf, type Value } from '../features/parameters/edits';
import { ValueDiff } from '../features/parameters/ValueDiff';
import { ProfileForm } from '../features/profiles/ProfileForm';
import { type Vars, varsDiff } from '../features/profiles/vars';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { inputLook } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Badge } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Table } from '../ui/Table';
import { Tabs } from '../ui/Tabs';
import { Time } from '../ui/Time';
import { useFilters, useIdOf } from '../util/where';

/** The runtime profiles of an app. */
export function Profiles() {
  const appId = useIdOf('appId');
  const profiles = useQuery(listProfilesOptions({ path: { appId } }));
  const stages = useQuery(listEnvironmentsOptions({ path: { appId } })).data?.data ?? [];
  return (
    <Page
      title="Runtime profiles"
      note="The variables of each environment. A deployment puts release and profile together."
    >
      <Panel>
        <Loaded query={profiles}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty icon={FileSliders} title="No profiles yet">
                Each environment brings one; lay out the pipeline first.
              </Empty>
            ) : (
              <ul>
                {data.map((profile) => (
                  <li key={profile.id} className="border-t border-line first:border-t-0">
                    <Link
                      to={paths.profile(appId, profile.id)}
                      className="flex flex-wrap items-center gap-3 px-4 py-2 hover:bg-hover"
                    >
                      <span className="min-w-40 flex-1 font-medium">{profile.name}</span>
                      <span className="text-soft">
                        {Object.keys(profile.env_vars).length} variables, revision {profile.revision}
                      </span>
                      {stages
                        .filter(({ profile_id }) => profile_id === profile.id)
                        .map(({ id, name, running }) => (
                          <Badge
                            key={id}
                            tone={running && running.profile_revision < profile.revision ? 'warn' : 'neutral'}
                          >
                            {name} {running ? `runs revision ${running.profile_revision}` : 'runs nothing'}
                          </Badge>
                        ))}
                      <span className="text-sm text-soft">
                        <Time at={profile.updated_at} />
                      </span>
                    </Link>
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Panel>
    </Page>
  );
}

/** One runtime profile: its variables, and every revision of them. */
export function ProfilePage() {
  const path = { appId: useIdOf('appId'), profileId: useIdOf('profileId') };
  const profile = useQuery(getProfileOptions({ path }));
  const crumbs = [{ label: 'Runtime profiles', to: paths.profiles(path.appId) }];
  if (!profile.data) {
    return (
      <Page title="Runtime profile" crumbs={crumbs}>
        <Panel>
          <Loaded query={profile}>{() => null}</Loaded>
        </Panel>
      </Page>
    );
  }
  return <Opened app={path.appId} profile={profile.data} crumbs={crumbs} />;
}

type OpenedProps = { app: string; profile: RuntimeProfile; crumbs: { label: string; to: string }[] };

function Opened({ app, profile, crumbs }: OpenedProps) {
  const [search, change] = useFilters();
  const [asked, ask] = useState<{ title: string; vars: Vars } | undefined>();
  const canEdit = profile.allowed_actions.includes('edit');
  const vars = profile.env_vars as Vars;
  return (
    <Page
      title={`Profile ${profile.name}`}
      crumbs={crumbs}
      status={<Badge>Revision {profile.revision}</Badge>}
      actions={canEdit && <Button onPress={() => ask({ title: `Edit ${profile.name}`, vars })}>Edit</Button>}
    >
      <Tabs
        label="Parts of the profile"
        selected={search.tab ?? 'variables'}
        onSelect={(tab) => change({ tab: tab === 'variables' ? undefined : tab }, true)}
        parts={[
          { id: 'variables', label: 'Variables', count: Object.keys(vars).length, content: <Variables vars={vars} /> },
          {
            id: 'revisions',
            label: 'Revisions',
            content: (
              <Revisions
                app={app}
                profile={profile}
                onRevert={
                  canEdit
                    ? ({ revision, env_vars }) =>
                        ask({ title: `Revert ${profile.name} to revision ${revision}`, vars: env_vars as Vars })
                    : undefined
                }
              />
            ),
          },
        ]}
      />
      {asked && <ProfileForm app={app} profile={profile} {...asked} onClose={() => ask(undefined)} />}
    </Page>
  );
}

function Variables({ vars }: { vars: Vars }) {
  const [search, change] = useFilters();
  const wanted = (search.q ?? '').toLowerCase();
  const names = Object.keys(vars)
    .filter((name) => name.toLowerCase().includes(wanted))
    .sort();
  return (
    <Panel
      title="Variables"
      aside={
        <input
          type="search"
          aria-label="Search variables"
          placeholder="Search by name"
          className={`${inputLook} max-w-56`}
          value={search.q ?? ''}
          onChange={(event) => change({ q: event.target.value })}
        />
      }
    >
      {names.length === 0 ? (
        <Empty icon={FileSliders} title={wanted ? 'No variable is called that' : 'No variables'}>
          {!wanted && 'The defaults of the catalog count.'}
        </Empty>
      ) : (
        <Table label="Variables" head={['Name', 'Value']}>
          {names.map((name) => (
            <tr key={name}>
              <td className="font-medium break-all">{name}</td>
              <td className="font-mono text-sm break-all whitespace-pre-wrap">{textOf(vars[name] as Value)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

type RevisionsProps = {
  app: string;
  profile: RuntimeProfile;
  onRevert: ((revision: ProfileRevision) => void) | undefined;
};

function Revisions({ app, profile, onRevert }: RevisionsProps) {
  const revisions = useQuery(listProfileRevisionsOptions({ path: { appId: app, profileId: profile.id } }));
  return (
    <Panel title="Newest first">
      <Loaded query={revisions}>
        {({ data }) => (
          <ol>
            {data.map((revision, at) => {
              const before = (data[at + 1]?.env_vars ?? {}) as Vars;
              const rows = varsDiff(before, revision.env_vars as Vars);
              return (
                <li key={revision.revision} className="border-t border-line px-4 py-2.5 first:border-t-0">
                  <div className="flex flex-wrap items-center gap-2">
                    <b className="font-semibold">Revision {revision.revision}</b>
                    <span className="min-w-0 flex-1 text-soft">
                      {revision.changed_by.name}, <Time at={revision.changed_at} />
                      {revision.reason && <span className="text-text">: {revision.reason}</span>}
                    </span>
                    {onRevert && revision.revision !== profile.revision && (
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
                        {rows.length} {rows.length === 1 ? 'variable' : 'variables'}
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
