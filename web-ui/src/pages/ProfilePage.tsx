import { useQuery } from '@tanstack/react-query';
import { useBlocker } from '@tanstack/react-router';
import { useState } from 'react';
import { getProfileOptions, listProfilesOptions } from '../api/gen/@tanstack/react-query.gen';
import type { RuntimeProfile } from '../api/gen/types.gen';
import { fieldErrors } from '../api/problem';
import { CompareProfiles } from '../features/profiles/CompareProfiles';
import { Review, useSaveProfile } from '../features/profiles/Review';
import { Revisions } from '../features/profiles/Revisions';
import { inexact } from '../features/profiles/rows';
import { SecretsPanel } from '../features/profiles/SecretsPanel';
import { SettingsForm } from '../features/profiles/SettingsForm';
import { useProfileDraft } from '../features/profiles/useProfileDraft';
import { Variables } from '../features/profiles/Variables';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Page, Panel } from '../ui/Page';
import { Badge } from '../ui/Status';
import { Loaded } from '../ui/states';
import { Tabs } from '../ui/Tabs';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

/** One runtime profile: what it holds, every revision of it, and how it differs from others. */
export function ProfilePage() {
  const path = { appId: useIdOf('appId'), profileId: useIdOf('profileId') };
  const profile = useQuery({ ...getProfileOptions({ path }), ...live });
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
  return <Opened key={profile.data.id} app={path.appId} profile={profile.data} crumbs={crumbs} />;
}

type OpenedProps = { app: string; profile: RuntimeProfile; crumbs: { label: string; to: string }[] };

function Opened({ app, profile, crumbs }: OpenedProps) {
  const [search, change] = useFilters();
  const [isReviewing, review] = useState(false);
  const draft = useProfileDraft(profile);
  const save = useSaveProfile(app, profile, draft, () => review(false));
  const profiles = useQuery(listProfilesOptions({ path: { appId: app } })).data?.data ?? [profile];
  const nameOf = (id: string) => profiles.find((one) => one.id === id)?.name ?? 'a profile that is gone';
  const canEdit = profile.allowed_actions.includes('edit');
  const errors = (part: string) => fieldErrors(save.error, `/${part}`);
  const toCorrect =
    Object.keys(draft.problems).length +
    Number(draft.text?.problem !== undefined) +
    Object.values(draft.secrets).filter((value) => value === '').length;
  const changedElsewhere = Object.keys(draft.seen).length;
  // Saving writes all variables, and a browser would write another number than there is.
  const unsafe = canEdit ? inexact(draft.vars) : [];
  useBlocker({
    shouldBlockFn: ({ current, next }) =>
      draft.isDirty && current.pathname !== next.pathname && !window.confirm('Leave, and lose what you typed?'),
    enableBeforeUnload: draft.isDirty,
  });
  return (
    <Page
      title={`Profile ${profile.name}`}
      crumbs={crumbs}
      status={<Badge>Revision {profile.revision}</Badge>}
      note={!canEdit && 'You read this profile; app admins edit it directly.'}
    >
      <Tabs
        label="Parts of the profile"
        selected={search.tab ?? 'variables'}
        onSelect={(tab) => change({ tab: tab === 'variables' ? undefined : tab }, true)}
        parts={[
          {
            id: 'variables',
            label: 'Variables',
            count: Object.keys(draft.vars).length,
            content: <Variables draft={draft} canEdit={canEdit} errors={errors('env_vars')} />,
          },
          {
            id: 'secrets',
            label: 'Secrets',
            count: Object.keys(profile.secrets).length,
            content: (
              <SecretsPanel app={app} profile={profile} draft={draft} canEdit={canEdit} errors={errors('secrets')} />
            ),
          },
          {
            id: 'settings',
            label: 'Address and data',
            content: (
              <SettingsForm
                draft={draft}
                canEdit={canEdit}
                errors={errors('settings')}
                others={profiles.filter(({ id }) => id !== profile.id)}
              />
            ),
          },
          {
            id: 'revisions',
            label: 'Revisions',
            content: (
              <Revisions
                app={app}
                profile={profile}
                nameOf={nameOf}
                onRevert={
                  canEdit
                    ? (revision) => {
                        if (draft.isDirty && !window.confirm('Revert, and lose what you typed?')) return;
                        draft.revert(revision);
                        save.reset();
                        review(true);
                      }
                    : undefined
                }
              />
            ),
          },
          {
            id: 'compare',
            label: 'Compare',
            content: <CompareProfiles app={app} profile={profile} profiles={profiles} nameOf={nameOf} />,
          },
        ]}
      />
      {draft.isDirty && (
        <div className="sticky bottom-3 z-10 flex flex-wrap items-center gap-3 rounded-lg border border-line bg-raised px-4 py-2.5 shadow-float">
          <span className="min-w-0 flex-1 break-words" role="status">
            <b className="font-semibold">
              {draft.count} {draft.count === 1 ? 'change' : 'changes'}
            </b>
            {toCorrect > 0 && `, ${toCorrect} to correct`}
            {draft.overtakenBy !== undefined &&
              `. Somebody made revision ${draft.overtakenBy} meanwhile; what you typed stands over it`}
            {changedElsewhere > 0 && `, ${changedElsewhere} of them changed by both`}
            {unsafe.length > 0 &&
              `. ${unsafe.join(', ')}: such a long number is not held exactly here; set it as text, or by the API`}
          </span>
          <Button
            onPress={() => {
              draft.discard();
              save.reset();
            }}
          >
            Discard
          </Button>
          <Button
            look="primary"
            isDisabled={draft.count === 0 || toCorrect > 0 || unsafe.length > 0}
            onPress={() => {
              save.reset();
              review(true);
            }}
          >
            Review and save
          </Button>
        </div>
      )}
      {isReviewing && (
        <Review draft={draft} profile={profile} nameOf={nameOf} save={save} onClose={() => review(false)} />
      )}
    </Page>
  );
}
