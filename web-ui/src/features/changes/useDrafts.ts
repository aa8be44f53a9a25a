import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { writeComment } from '../../api/gen/sdk.gen';
import type { CommentPlace } from '../../api/gen/types.gen';
import { refresh } from '../../util/follow';
import { freshId } from '../../util/id';

/** A comment that nobody else sees yet: on a line, or as an answer in a thread. */
export type Draft = { id: string; body: string; place?: CommentPlace; thread?: string };

/** Reads what is kept; nothing where it cannot be read. */
function kept(key: string): Draft[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(list) ? (list as Draft[]) : [];
  } catch {
    return [];
  }
}

export type Drafts = ReturnType<typeof useDrafts>;

/** The drafted comments of one review, kept in this browser until they are published together. */
export function useDrafts({ appId, changesetId }: { appId: string; changesetId: string }) {
  const key = `conman.drafts.${changesetId}`;
  const queries = useQueryClient();
  const [list, setList] = useState(() => kept(key));
  const put = useCallback(
    (change: (before: Draft[]) => Draft[]) => {
      // Another tab may have drafted as well.
      const next = change(kept(key));
      if (next.length > 0) localStorage.setItem(key, JSON.stringify(next));
      else localStorage.removeItem(key);
      setList(next);
    },
    [key],
  );
  const remove = useCallback((id: string) => put((before) => before.filter((draft) => draft.id !== id)), [put]);
  return useMemo(
    () => ({
      list,
      add: (draft: Omit<Draft, 'id'>) => put((before) => [...before, { ...draft, id: freshId() }]),
      edit: (id: string, body: string) =>
        put((before) => before.map((draft) => (draft.id === id ? { ...draft, body } : draft))),
      remove,
      clear: () => put(() => []),
      /**
       * Publishes them in order. What is refused stays a draft, and so does all that follows it; one whose answer was lost
       * is written once, however often it is published.
       */
      publish: async () => {
        for (const { id, body, place, thread } of kept(key)) {
          await writeComment({
            path: { appId, changesetId },
            body: { id, body, ...(thread ? { thread_id: thread } : place ? { place } : {}) },
          });
          remove(id);
        }
        await refresh(queries);
      },
    }),
    [list, key, put, remove, queries, appId, changesetId],
  );
}
