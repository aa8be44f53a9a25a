import type { ProfileSettings, ProvisioningMode } from '../../api/gen/types.gen';

/** What a profile holds beside variables, as it is typed. */
export type SettingsForm = {
  base_url: string;
  engine: '' | 'mongodb';
  connection_ref: string;
  provisioning_mode: ProvisioningMode;
  base_profile_id: string;
  repo_paths: string;
  command: string;
};

export const formOf = ({ base_url, database, migrations }: ProfileSettings): SettingsForm => ({
  base_url: base_url ?? '',
  engine: database?.engine ?? '',
  connection_ref: database?.connection_ref ?? '',
  provisioning_mode: database?.provisioning_mode ?? 'existing',
  base_profile_id: database?.base_profile_id ?? '',
  repo_paths: (migrations?.repo_paths ?? []).join('\n'),
  command: migrations?.command ?? '',
});

/** What a form says; whether it is good is the server's to say. */
export function settingsOf(form: SettingsForm): ProfileSettings {
  const folders = form.repo_paths
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const command = form.command.trim();
  return {
    base_url: form.base_url.trim() || null,
    database:
      form.engine === ''
        ? null
        : {
            engine: form.engine,
            connection_ref: form.connection_ref.trim(),
            provisioning_mode: form.provisioning_mode,
            base_profile_id: form.provisioning_mode === 'clone_from_base' ? form.base_profile_id || null : null,
          },
    migrations: folders.length === 0 && command === '' ? null : { repo_paths: folders, command },
  };
}

type NameOf = (profile: string) => string;

/** What settings say, a line for each thing. */
function told(settings: ProfileSettings, nameOf: NameOf): Record<string, string> {
  const { base_url, database, migrations } = settings;
  const base = database?.base_profile_id;
  return {
    Address: base_url ?? '',
    Database: database ? `${database.engine} by ${database.connection_ref}` : '',
    'Its content': database
      ? `${database.provisioning_mode.replaceAll('_', ' ')}${base ? ` ${nameOf(base)}` : ''}`
      : '',
    'Migrations in': (migrations?.repo_paths ?? []).join(', '),
    'Migrated by': migrations?.command ?? '',
  };
}

/** How two settings differ, as a person reads it. */
export function settingsDiff(before: ProfileSettings, after: ProfileSettings, nameOf: NameOf) {
  const [was, is] = [told(before, nameOf), told(after, nameOf)];
  return Object.keys(is)
    .filter((name) => was[name] !== is[name])
    .map((name) => ({ name, before: was[name] || undefined, after: is[name] || undefined }));
}

/** The form over what somebody else saved meanwhile: each field that was typed into stays. */
export function rebasedForm(form: SettingsForm, base: ProfileSettings, next: ProfileSettings): SettingsForm {
  const [before, theirs] = [formOf(base), formOf(next)];
  const fields = Object.keys(form) as (keyof SettingsForm)[];
  const kept = fields.map((field) => [field, form[field] === before[field] ? theirs[field] : form[field]]);
  return Object.fromEntries(kept) as SettingsForm;
}
