import { Check } from 'lucide-react';
import { useState } from 'react';
import { changeComment, writeComment } from '../../api/gen/sdk.gen';
import type { Comment, CommentPlace } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { TextArea } from '../../ui/Field';
import { Badge } from '../../ui/Status';
import { Time } from '../../ui/Time';
import { useAct } from '../../util/act';
import { freshId } from '../../util/id';
import { Drafted } from './Drafted';
import type { Drafts } from './useDrafts';

type ThreadProps = {
  app: string;
  changeset: string;
  /** The first of them opened the thread. */
  comments: Comment[];
  place?: CommentPlace;
  canWrite: boolean;
  /** Where answers may be drafted. */
  drafts?: Drafts;
  onClose?: () => void;
};

/** One thread: what was said, an answer, and whether it is settled. */
export function Thread({ app, changeset, comments, place, canWrite, drafts, onClose }: ThreadProps) {
  const [text, setText] = useState('');
  // Until it is written it is the same comment, however often it is sent.
  const [id, setId] = useState(freshId);
  const first = comments[0];
  const path = { appId: app, changesetId: changeset };
  const say = useAct(
    () =>
      writeComment({
        path,
        body: { id, body: text, ...(first ? { thread_id: first.id } : place ? { place } : {}) },
      }),
    {
      onDone: () => {
        setText('');
        setId(freshId());
        onClose?.();
      },
    },
  );
  const keep = () => {
    drafts?.add({ body: text, ...(first ? { thread: first.id } : place ? { place } : {}) });
    setText('');
    onClose?.();
  };
  const settle = useAct((resolved: boolean) =>
    changeComment({ path: { ...path, commentId: first?.id ?? '' }, body: { resolved } }),
  );
  const canSettle = first?.allowed_actions.some((action) => /resolve/.test(action));
  return (
    <div
      className="max-w-3xl rounded-md border border-line bg-panel"
      data-open-thread={first && !first.resolved ? '' : undefined}
      tabIndex={-1}
    >
      {first?.resolved && (
        <p className="flex items-center gap-2 border-b border-line px-3 py-1.5">
          <Badge tone="good" icon={Check}>
            Resolved
          </Badge>
        </p>
      )}
      {comments.map((comment) => (
        <article key={comment.id} className="border-b border-line px-3 py-2">
          <p className="text-sm text-soft">
            <b className="font-semibold text-text">{comment.author.name}</b> <Time at={comment.created_at} />
          </p>
          <p className="break-words whitespace-pre-wrap">{comment.body}</p>
        </article>
      ))}
      {drafts?.list
        .filter(({ thread }) => first && thread === first.id)
        .map((draft) => (
          <div key={draft.id} className="border-b border-line p-2">
            <Drafted draft={draft} drafts={drafts} />
          </div>
        ))}
      {canWrite && (
        <form
          className="px-3 py-2"
          onKeyDown={(event) => {
            if (event.key === 'Escape') (event.target as HTMLElement).blur();
            if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || !text.trim()) return;
            event.preventDefault();
            if (drafts) keep();
            else if (!say.isPending) say.mutate();
          }}
          onSubmit={(event) => {
            event.preventDefault();
            if (!say.isPending) say.mutate();
          }}
        >
          <TextArea
            label={first ? 'Answer' : 'Comment'}
            // Whoever asked for it by key or by mouse goes on typing.
            autoFocus={place !== undefined}
            rows={2}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setId(freshId());
            }}
          />
          <div className="flex flex-wrap gap-2">
            {drafts && (
              <Button small look="primary" isDisabled={!text.trim()} onPress={keep}>
                Draft
              </Button>
            )}
            <Button
              type="submit"
              small
              look={drafts ? 'plain' : 'primary'}
              isDisabled={!text.trim()}
              isPending={say.isPending}
            >
              {first ? 'Answer' : 'Comment'}
              {drafts && ' now'}
            </Button>
            {canSettle && first && (
              <Button small isPending={settle.isPending} onPress={() => settle.mutate(!first.resolved)}>
                {first.resolved ? 'Open again' : 'Resolve'}
              </Button>
            )}
            {onClose && (
              <Button small look="quiet" onPress={onClose}>
                Cancel
              </Button>
            )}
          </div>
        </form>
      )}
    </div>
  );
}

/** Comments by the thread that they belong to, oldest first. */
export function threadsOf(comments: Comment[]): Comment[][] {
  return comments
    .filter((comment) => !comment.thread_id)
    .map((first) => [first, ...comments.filter((comment) => comment.thread_id === first.id)]);
}
