import { useCallback, useMemo, useState } from 'react';
import type { FileDiff } from '../../api/gen/types.gen';

type Named = Pick<FileDiff, 'path' | 'new_blob'>;

/** What has been viewed is the content, not the name: a file that changes is unread again. */
const markOf = (file: Named) => `${file.path}@${file.new_blob ?? ''}`;

/** Which files of a changeset this person has viewed, kept in this browser. */
export function useViewed(changeset: string) {
  const key = `conman.viewed.${changeset}`;
  const [marks, setMarks] = useState<string[]>(() => JSON.parse(localStorage.getItem(key) ?? '[]'));
  const all = useMemo(() => new Set(marks), [marks]);
  const set = useCallback(
    (file: Named, viewed: boolean) => {
      setMarks((before) => {
        const others = before.filter((mark) => mark !== markOf(file));
        const next = viewed ? [...others, markOf(file)] : others;
        localStorage.setItem(key, JSON.stringify(next));
        return next;
      });
    },
    [key],
  );
  return { has: (file: Named) => all.has(markOf(file)), set };
}
