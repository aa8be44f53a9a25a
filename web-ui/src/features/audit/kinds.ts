import { words } from '../../ui/Status';

const KINDS: Record<string, string> = {
  workspace: 'Workspaces',
  changeset: 'Changesets',
  comment: 'Comments',
  queue: 'Queue',
  release: 'Releases',
  deployment: 'Deployments',
  parameter_draft: 'Values of parameters',
  runtime_profile: 'Runtime profiles',
  parameter_set: 'Parameter sets',
  run: 'Runs',
  environment: 'Environments',
  freeze_window: 'Freeze windows',
  member: 'Members',
  invite: 'Invites',
  token: 'Tokens',
  user: 'Accounts',
  job: 'Jobs',
  app: 'The app itself',
};

/** What a kind of thing is called, of several. */
export const kindName = (kind: string) => KINDS[kind] ?? words(kind);

/** What was done, as it is said by itself: `Changeset submitted`. */
export const actionName = (action: string) => words(action.replace('.', ' '));

/** What was done, as it is said among others of its kind: `Submitted`, below `Changesets`. */
export function actionIn(kind: string, action: string): string {
  const [noun, verb] = action.split('.');
  return noun === kind && verb ? words(verb) : actionName(action);
}
