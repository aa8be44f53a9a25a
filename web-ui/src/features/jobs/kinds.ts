import { words } from '../../ui/Status';

/** What the server does by itself. */
export const KINDS = [
  'msuite_submit',
  'revalidate_queued_changeset',
  'release_assemble',
  'release_publish',
  'deploy_release',
  'send_notification',
];
/** Most jobs send a mail; who looks for work looks past them. */
const USUAL = KINDS.filter((kind) => kind !== 'send_notification');

const NAMES: Record<string, string> = {
  msuite_submit: 'Submit validation',
  revalidate_queued_changeset: 'Revalidation',
  release_assemble: 'Compose',
  release_publish: 'Publish',
  deploy_release: 'Deployment',
  send_notification: 'Mail',
};

/** What a kind of job is called. */
export const jobName = (type: string) => NAMES[type] ?? words(type);

/** The kinds that an address asks for; all but mails where it says nothing. */
export function kindsIn(type: string | undefined): string[] {
  const named = KINDS.filter((kind) => type?.split(',').includes(kind));
  return named.length > 0 ? named : USUAL;
}

/** What an address says of kinds; nothing of the usual ones, nor of none. */
export function kindsTold(kinds: string[]): string | undefined {
  const told = KINDS.filter((kind) => kinds.includes(kind)).join(',');
  return told === '' || told === USUAL.join(',') ? undefined : told;
}
