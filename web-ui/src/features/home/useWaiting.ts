import { useQueries } from '@tanstack/react-query';
import {
  listChangesetsOptions,
  listDraftsOptions,
  listEnvironmentsOptions,
} from '../../api/gen/@tanstack/react-query.gen';
import type { App, Environment } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { words } from '../../ui/Status';
import { waitsFor } from '../changes/waiting';

/** Something that goes on only after the person who looks has done it. */
export type Waiting = {
  key: string;
  to: string;
  /** What is to be done, in one or two words. */
  ask: string;
  title: string;
  /** Who asked, and what else helps to decide whether to look now. */
  by: string;
  at: string;
  where: string;
  /** Whether a running environment waits with it. */
  isUrgent: boolean;
};

/** No stream tells of all apps at once, so they are asked; there may be many. */
const calm = { refetchInterval: 15_000 } as const;

/** States in which a changeset waits for somebody. */
const OPEN = ['in_review', 'approved', 'conflicted', 'needs_revalidation', 'changes_requested', 'draft'];

/** What waits for the person who looks, in all of their apps: what holds an environment first, then the oldest. */
export function useWaiting(apps: App[]) {
  const changesets = useQueries({
    queries: apps.map(({ id }) => ({
      ...listChangesetsOptions({ path: { appId: id }, query: { limit: 200 } }),
      ...calm,
    })),
  });
  const environments = useQueries({
    queries: apps.map(({ id }) => ({ ...listEnvironmentsOptions({ path: { appId: id } }), ...calm })),
  });
  const stages = apps.flatMap((app, at) => (environments[at]?.data?.data ?? []).map((stage) => ({ app, stage })));
  const drafts = useQueries({
    queries: stages.map(({ app, stage }) => ({
      ...listDraftsOptions({ path: { appId: app.id, envId: stage.id }, query: { state: 'pending_approval' } }),
      ...calm,
    })),
  });
  const isMany = apps.length > 1;
  const place = (app: App, stage?: Environment) =>
    [isMany ? app.name : '', stage?.name ?? ''].filter(Boolean).join(', ');
  const list: Waiting[] = [
    ...stages.flatMap(({ app, stage }, at) =>
      (drafts[at]?.data?.data ?? [])
        .filter(({ allowed_actions }) => allowed_actions.includes('approve'))
        .map((draft) => ({
          key: draft.id,
          to: paths.draft(app.id, stage.id, draft.id),
          ask: 'Approve values',
          title: `${Object.keys(draft.changes).join(', ')} in ${stage.name}`,
          by: `${draft.edited_by.name}: ${draft.reason}`,
          at: draft.created_at,
          where: place(app),
          isUrgent: true,
        })),
    ),
    ...stages.flatMap(({ app, stage }) => {
      const active = stage.active_deployment;
      if (!active?.allowed_actions.includes('approve')) return [];
      return {
        key: active.id,
        to: paths.environment(app.id, stage.id),
        ask: 'Approve deployment',
        title: `${active.tag} on ${stage.name}`,
        by: `${active.requested_by.name}: ${words(active.kind).toLowerCase()}, ${active.approvals.length} of ${active.approvals_required} approvals`,
        at: active.created_at,
        where: place(app),
        isUrgent: true,
      };
    }),
    ...apps.flatMap((app, at) =>
      (changesets[at]?.data?.data ?? []).flatMap((changeset) => {
        const ask = OPEN.includes(changeset.state) ? waitsFor(changeset) : undefined;
        if (ask === undefined) return [];
        const approvals =
          changeset.state === 'in_review'
            ? `, ${changeset.approvals.length} of ${changeset.approvals_required} approvals`
            : '';
        return {
          key: changeset.id,
          to: paths.changeset(app.id, changeset.id),
          ask,
          title: `#${changeset.number} ${changeset.title}`,
          by: `${changeset.author.name}${approvals}`,
          at: changeset.updated_at,
          where: place(app),
          isUrgent: false,
        };
      }),
    ),
  ];
  list.sort((one, other) => Number(other.isUrgent) - Number(one.isUrgent) || (one.at < other.at ? -1 : 1));
  const all = [...changesets, ...environments, ...drafts];
  return {
    list,
    stages: (app: string) => environments[apps.findIndex(({ id }) => id === app)]?.data?.data ?? [],
    isPending: all.some(({ isPending }) => isPending),
    /** Why a part of it cannot be shown. */
    error: all.find(({ isError, data }) => isError && !data)?.error,
  };
}
