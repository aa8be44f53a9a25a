import type { ProfileRevision, RuntimeProfile } from '../../api/gen/types.gen';
import type { Value } from '../parameters/edits';
import { settingsDiff } from './settings';
import { type Vars, varsDiff } from './vars';

type Held = Pick<RuntimeProfile | ProfileRevision, 'env_vars' | 'settings' | 'secrets'>;
type Row = { name: string; before: Value | undefined; after: Value | undefined; note?: string };

const NOTHING: Held = { env_vars: {}, settings: { base_url: null, database: null, migrations: null }, secrets: {} };

/** How two states of profiles differ, line by line. Of secrets it tells whether they are set, and since when. */
export function differences(before: Held | undefined, after: Held, nameOf: (profile: string) => string): Row[] {
  const was = before ?? NOTHING;
  const isSame = (name: string) =>
    was.secrets[name]?.version === after.secrets[name]?.version &&
    was.secrets[name]?.set_at === after.secrets[name]?.set_at;
  const set = (held: Held, name: string) => {
    const secret = held.secrets[name];
    return secret ? `${secret.masked} of revision ${secret.version}` : undefined;
  };
  const secrets = [...new Set([...Object.keys(was.secrets), ...Object.keys(after.secrets)])]
    .sort()
    .filter((name) => !isSame(name))
    .map((name) => ({ name, before: set(was, name), after: set(after, name), note: 'secret' }));
  return [
    ...varsDiff(was.env_vars as Vars, after.env_vars as Vars),
    ...settingsDiff(was.settings, after.settings, nameOf),
    ...secrets,
  ];
}
