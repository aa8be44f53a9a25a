import { useQuery } from '@tanstack/react-query';
import {
  listChangesetsOptions,
  listDeploymentsOptions,
  listEnvironmentsOptions,
  listReleasesOptions,
} from '../../api/gen/@tanstack/react-query.gen';
import { paths } from '../../paths';
import { nameOf } from '../releases/ReleaseRows';

/** Something that work is about, as a person calls it, and where it is. */
export type Subject = { name: string; to: string };

const MANY = { limit: 200 };

/** What jobs and events are about, by their ids. What is older than the newest few hundred has no name here. */
export function useSubjects(app: string): (id: string | undefined) => Subject | undefined {
  const path = { appId: app };
  const changesets = useQuery(listChangesetsOptions({ path, query: MANY }));
  const releases = useQuery(listReleasesOptions({ path, query: MANY }));
  const deployments = useQuery(listDeploymentsOptions({ path, query: MANY }));
  const stages = useQuery(listEnvironmentsOptions({ path }));
  const subjects = new Map<string, Subject>();
  for (const { id, number, title } of changesets.data?.data ?? []) {
    subjects.set(id, { name: `#${number} ${title}`, to: paths.changeset(app, id) });
  }
  for (const release of releases.data?.data ?? []) {
    subjects.set(release.id, { name: nameOf(release), to: paths.release(app, release.id) });
  }
  for (const { id, name } of stages.data?.data ?? []) subjects.set(id, { name, to: paths.environment(app, id) });
  for (const { id, tag, environment_id } of deployments.data?.data ?? []) {
    const stage = subjects.get(environment_id)?.name ?? 'an environment';
    subjects.set(id, { name: `${tag} on ${stage}`, to: paths.deployment(app, id) });
  }
  return (id) => (id === undefined ? undefined : subjects.get(id));
}
