import { PencilLine } from 'lucide-react';
import { Button } from '../../ui/Button';
import { TextArea } from '../../ui/Field';
import { Badge } from '../../ui/Status';
import { useAct } from '../../util/act';
import type { Draft, Drafts } from './useDrafts';

/** A drafted comment at its place: only its author sees it. */
export function Drafted({ draft, drafts }: { draft: Draft; drafts: Drafts }) {
  return (
    <div className="max-w-3xl rounded-md border border-dashed border-edge bg-panel px-3 py-2">
      <div className="flex items-center justify-between gap-2 pb-1">
        <Badge tone="warn" icon={PencilLine}>
          Draft
        </Badge>
        <Button small look="quiet" onPress={() => drafts.remove(draft.id)}>
          Remove
        </Button>
      </div>
      <TextArea
        label={draft.place?.line ? `Drafted comment on line ${draft.place.line}` : 'Drafted answer'}
        hint="Only you see it until it is published"
        rows={2}
        value={draft.body}
        onChange={(event) => drafts.edit(draft.id, event.target.value)}
      />
    </div>
  );
}

/** How many comments are drafted, and what becomes of them. */
export function DraftBar({ drafts }: { drafts: Drafts }) {
  const publish = useAct(drafts.publish, { done: 'Published' });
  if (drafts.list.length === 0) return null;
  const isEmpty = drafts.list.some(({ body }) => body.trim() === '');
  return (
    <div className="sticky bottom-3 z-10 flex flex-wrap items-center gap-3 rounded-lg border border-line bg-raised px-4 py-2.5 shadow-float">
      <span className="flex-1" role="status">
        <b className="font-semibold">
          {drafts.list.length} drafted {drafts.list.length === 1 ? 'comment' : 'comments'}
        </b>
        {isEmpty ? ', one without words' : ', published together or with your decision'}
      </span>
      <Button onPress={drafts.clear}>Discard</Button>
      <Button look="primary" isDisabled={isEmpty} isPending={publish.isPending} onPress={() => publish.mutate()}>
        Publish
      </Button>
    </div>
  );
}
