import { useState } from 'react';
import type { FileDiff } from '../../api/gen/types.gen';

type Named = Pick<FileDiff, 'path' | 'new_blob'>;

/** What has been viewed is the content, not the name: a file that changes is unread again. */
const markOf = (file: Named) => `${file.path}@${file.new_blob ?? ''}`;

/** Which files of a changeset this person has viewed, kept in this browser. */
export function useViewed(changeset: string) {
  const key = `conman.viewed.${changeset}`;
  const [marks, setMarks] = useState<string[]>(() => JSON.parse(localStorage.getItem(key) ?? '[]'));
  return {
    has: (file: Named) => marks.includes(markOf(file)),
    set: (file: Named, viewed: boolean) => {
      const others = marks.filter((mark) => mark !== markOf(file));
      const next = viewed ? [...others, markOf(file)] : others;
      setMarks(next);
      localStorage.setItem(key, JSON.stringify(next));
    },
  };
}
