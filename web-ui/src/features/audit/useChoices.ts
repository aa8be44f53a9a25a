import { useQuery } from '@tanstack/react-query';
import {
  listAuditKindsOptions,
  listChangesetsOptions,
  listEnvironmentsOptions,
  listMembersOptions,
  listProfilesOptions,
  listReleasesOptions,
} from '../../api/gen/@tanstack/react-query.gen';
import { actionIn, kindName } from './kinds';

/** Something to pick. */
export type Choice = { value: string; label: string };
/** What belongs together, below one heading. */
export type Group = { label: string; choices: Choice[] };

/** How many of the newest releases and changesets are offered; others are picked from a row of the log. */
const NEWEST = 50;
/** Names change seldom. */
const kept = { staleTime: 60_000 };

/** What the log can be searched for: what was done, who did it, and to what. */
export function useChoices(app: string): { what: Group[]; who: Choice[]; about: Group[] } {
  const path = { appId: app };
  const query = { page: 1, limit: NEWEST };
  const kinds = useQuery({ ...listAuditKindsOptions(), staleTime: Number.POSITIVE_INFINITY });
  const members = useQuery({ ...listMembersOptions({ path, query: { page: 1, limit: 200 } }), ...kept });
  const stages = useQuery({ ...listEnvironmentsOptions({ path }), ...kept });
  const profiles = useQuery({ ...listProfilesOptions({ path }), ...kept });
  const releases = useQuery({ ...listReleasesOptions({ path, query }), ...kept });
  const changesets = useQuery({ ...listChangesetsOptions({ path, query }), ...kept });
  const named = (list: { id: string; name: string }[] | undefined) =>
    (list ?? []).map(({ id, name }) => ({ value: id, label: name }));
  const about: Group[] = [
    { label: 'Environments', choices: named(stages.data?.data) },
    { label: 'Runtime profiles', choices: named(profiles.data?.data) },
    {
      label: 'Newest releases',
      choices: (releases.data?.data ?? []).flatMap(({ id, tag }) => (tag ? [{ value: id, label: tag }] : [])),
    },
    {
      label: 'Newest changesets',
      choices: (changesets.data?.data ?? []).map(({ id, number, title }) => ({
        value: id,
        label: `#${number} ${title}`,
      })),
    },
  ];
  return {
    what: (kinds.data ?? []).map(({ kind, actions }) => ({
      label: kindName(kind),
      choices: [
        { value: kind, label: `Anything: ${kindName(kind).toLowerCase()}` },
        ...actions.map((action) => ({ value: action, label: actionIn(kind, action) })),
      ],
    })),
    who: [
      ...(members.data?.data ?? []).map(({ user_id: value, name: label }) => ({ value, label })),
      { value: 'system', label: 'Conman itself' },
      { value: 'programs', label: 'Programs' },
    ],
    about: about.filter(({ choices }) => choices.length > 0),
  };
}
