import { useQuery } from '@tanstack/react-query';
import { ArrowRight, Equal } from 'lucide-react';
import { listProfileRevisionsOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { RuntimeProfile } from '../../api/gen/types.gen';
import { Select } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { Empty, ErrorPanel, Skeleton } from '../../ui/states';
import { useFilters } from '../../util/where';
import { ValueDiff } from '../parameters/ValueDiff';
import { differences } from './differences';

type CompareProfilesProps = {
  app: string;
  profile: RuntimeProfile;
  profiles: RuntimeProfile[];
  nameOf: (profile: string) => string;
};

/** One side, as the address says it: a profile as it is now, or one of its revisions. */
function sideOf(text: string | undefined, fallback: string) {
  const [profile = '', revision] = (text ?? fallback).split(':');
  return { profile, revision: revision === undefined ? undefined : Number(revision) };
}

/** How two profiles, or two revisions of one, differ. */
export function CompareProfiles({ app, profile, profiles, nameOf }: CompareProfilesProps) {
  const [search, change] = useFilters();
  const other = profiles.find(({ id }) => id !== profile.id) ?? profile;
  const [left, right] = [sideOf(search.left, profile.id), sideOf(search.right, other.id)];
  const [before, after] = [useHeld(app, profiles, left), useHeld(app, profiles, right)];
  const rows = before.held && after.held && differences(before.held, after.held, nameOf);
  const error = before.error ?? after.error;
  const choices = profiles.map(({ id, name }) => ({ value: id, label: name }));
  const side = (label: string, key: 'left' | 'right', { profile, revision }: typeof left, revisions: number[]) => (
    <span className="flex flex-wrap items-end gap-2">
      <Select
        label={label}
        value={profile}
        choices={choices}
        onChange={(event) => change({ [key]: event.target.value })}
      />
      <Select
        label={`Its revision`}
        value={revision ?? ''}
        choices={[
          { value: '', label: 'Newest' },
          ...revisions.map((one) => ({ value: String(one), label: `Revision ${one}` })),
        ]}
        onChange={(event) => change({ [key]: event.target.value ? `${profile}:${event.target.value}` : profile })}
      />
    </span>
  );
  return (
    <Panel>
      <div className="flex flex-wrap items-end gap-3 border-b border-line p-4">
        {side('From', 'left', left, before.revisions)}
        <ArrowRight aria-hidden size={16} className="mb-2 text-soft max-sm:hidden" />
        {side('To', 'right', right, after.revisions)}
      </div>
      <div className="p-4">
        {error !== undefined ? (
          <ErrorPanel error={error} />
        ) : rows === undefined ? (
          before.isMissing || after.isMissing ? (
            <Empty icon={Equal} title="There is no such revision" />
          ) : (
            <Skeleton />
          )
        ) : rows.length === 0 ? (
          <Empty icon={Equal} title="They are the same" />
        ) : (
          <ValueDiff rows={rows} />
        )}
      </div>
    </Panel>
  );
}

/** What a side holds, and which revisions its profile has. */
function useHeld(app: string, profiles: RuntimeProfile[], { profile, revision }: ReturnType<typeof sideOf>) {
  const revisions = useQuery(listProfileRevisionsOptions({ path: { appId: app, profileId: profile } }));
  const list = revisions.data?.data;
  const held =
    revision === undefined ? profiles.find(({ id }) => id === profile) : list?.find((one) => one.revision === revision);
  return {
    held,
    revisions: (list ?? []).map((one) => one.revision),
    isMissing: list !== undefined && held === undefined,
    error: revisions.isError && !list ? revisions.error : undefined,
  };
}
