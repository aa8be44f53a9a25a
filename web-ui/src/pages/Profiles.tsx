import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { FileSliders } from 'lucide-react';
import { listEnvironmentsOptions, listProfilesOptions } from '../api/gen/@tanstack/react-query.gen';
import { paths } from '../paths';
import { Page, Panel } from '../ui/Page';
import { Badge } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { Time } from '../ui/Time';
import { useIdOf } from '../util/where';

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
                        {Object.keys(profile.env_vars).length} variables, {Object.keys(profile.secrets).length} secrets,
                        revision {profile.revision}
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
