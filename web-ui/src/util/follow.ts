import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import type { StreamEvent } from '../api/gen/types.gen';

/** Whether what is on the screen follows the server. */
export type Standing = 'alone' | 'following' | 'lost';

/** How long changes are gathered before what is shown is read again, in milliseconds. */
const GATHER = 250;
/** When a stream that was refused is asked for again. */
const AGAIN = 3_000;

let standing: Standing = 'alone';
const listeners = new Set<() => void>();

function stand(next: Standing) {
  if (standing === next) return;
  standing = next;
  for (const listener of listeners) listener();
}

export const isFollowing = () => standing === 'following';

/** Whether the page follows the server, as it changes. */
export const useStanding = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => standing,
  );

/** Reads again what is shown; what never changes (the diff of two commits) stays. */
export const refresh = (queries: QueryClient, id?: string) =>
  queries.invalidateQueries({
    predicate: ({ meta, queryKey }) =>
      meta?.isFixed !== true && (id === undefined || (queryKey[0] as { _id?: string } | undefined)?._id === id),
  });

/**
 * Follows an app while the tab is seen: one stream, whose events say what is to be read again. A hidden tab holds no
 * connection, because browsers allow a handful of them to one server; once it is seen, everything is read again.
 */
export function useFollow(app: string | undefined) {
  const queries = useQueryClient();
  useEffect(() => {
    if (app === undefined) return;
    let source: EventSource | undefined;
    let again = 0;
    let gathering = 0;
    const gathered = new Set<string | undefined>();
    const gather = (id?: string) => {
      gathered.add(id);
      gathering ||= window.setTimeout(() => {
        gathering = 0;
        // Workers report often, and few requests tell of them.
        const ids = gathered.has(undefined) ? [undefined] : [...gathered];
        gathered.clear();
        for (const one of ids) refresh(queries, one);
      }, GATHER);
    };
    const open = () => {
      source = new EventSource(`/api/apps/${app}/stream`);
      source.onopen = () => stand('following');
      source.addEventListener('ready', () => gather());
      source.addEventListener('reset', () => gather());
      source.addEventListener('change', ({ data }) => {
        const { kind } = JSON.parse(data) as StreamEvent;
        if (kind !== 'worker') return gather();
        for (const id of ['listWorkers', 'listWorkersOfVersion', 'getPipeline', 'getDeployment']) gather(id);
      });
      source.onerror = () => {
        stand('lost');
        // From now on everything is asked for at intervals.
        gather();
        if (source?.readyState === EventSource.CLOSED) again = window.setTimeout(open, AGAIN);
      };
    };
    const close = () => {
      window.clearTimeout(again);
      source?.close();
      stand('alone');
    };
    const look = () => {
      close();
      if (document.visibilityState === 'visible') open();
    };
    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      window.clearTimeout(gathering);
      close();
    };
  }, [app, queries]);
}
