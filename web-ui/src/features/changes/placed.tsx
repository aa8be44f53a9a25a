import type { Comment } from '../../api/gen/types.gen';
import { Drafted } from './Drafted';
import type { Place, Threads } from './FileDiffs';
import { Thread } from './Thread';
import type { Drafts } from './useDrafts';

/** A review as its threads need it. */
export type Discussed = {
  app: string;
  changeset: string;
  /** The revision on the screen. */
  shown: number;
  threads: Comment[][];
  drafts: Drafts;
  canComment: boolean;
};

export const placeOf = (thread: Comment[]) => thread[0]?.place;

/** Whether a thread is about a line of the revision on the screen. */
export const isOnLine = (thread: Comment[], shown: number) =>
  placeOf(thread)?.revision === shown && typeof placeOf(thread)?.line === 'number';

/** One thread of a review. */
export const threadOf = ({ app, changeset, drafts, canComment }: Discussed, thread: Comment[]) => (
  <Thread key={thread[0]?.id} app={app} changeset={changeset} comments={thread} canWrite={canComment} drafts={drafts} />
);

/** The threads and drafted comments below the lines that they are about. */
export function threadsAt(review: Discussed): Threads {
  const { app, changeset, shown, threads, drafts, canComment } = review;
  const on = (at: Place) =>
    threads.filter(
      (thread) => isOnLine(thread, shown) && placeOf(thread)?.path === at.path && placeOf(thread)?.line === at.line,
    );
  const draftsOn = (at: Place) =>
    drafts.list.filter(
      ({ place }) =>
        place !== undefined && place.path === at.path && place.line === at.line && place.revision === shown,
    );
  return {
    canWrite: canComment,
    has: (at) => on(at).length + draftsOn(at).length > 0,
    render: (at, isNew, close) => (
      <div className="flex flex-col gap-2">
        {on(at).map((thread) => threadOf(review, thread))}
        {draftsOn(at).map((draft) => (
          <Drafted key={draft.id} draft={draft} drafts={drafts} />
        ))}
        {isNew && (
          <Thread
            app={app}
            changeset={changeset}
            comments={[]}
            place={{ path: at.path, line: at.line, revision: shown }}
            canWrite
            drafts={drafts}
            onClose={close}
          />
        )}
      </div>
    ),
  };
}
