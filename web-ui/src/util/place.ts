import type { Place } from '../api/gen/types.gen';
import { paths } from '../paths';

/** The address of a page that the server names by the ids of what it shows. */
export function addressOf(app: string, page: Place): string {
  switch (page.kind) {
    case 'changeset':
      return paths.changeset(app, page.changeset_id);
    case 'workspace':
      return paths.workspace(app, page.workspace_id);
    case 'draft':
      return paths.draft(app, page.environment_id, page.draft_id);
    case 'deployment':
      return paths.deployment(app, page.deployment_id);
    case 'environment':
      return paths.environment(app, page.environment_id);
    case 'release':
      return paths.release(app, page.release_id);
    case 'profile':
      return paths.profile(app, page.profile_id);
    case 'job':
      return paths.job(app, page.job_id);
    case 'queue':
      return paths.queue(app);
    case 'members':
      return paths.members(app);
    case 'settings':
      return paths.settings(app);
  }
}
