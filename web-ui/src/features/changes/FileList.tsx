import { Check } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { FileDiff } from '../../api/gen/types.gen';
import { inputLook } from '../../ui/Field';

type FileListProps = {
  files: FileDiff[];
  chosen: string | undefined;
  isViewed: (file: FileDiff) => boolean;
  onChoose: (path: string) => void;
};

/** From how many files on a field finds them by name. */
const MANY = 12;

/** The changed files by name, beside what changes in them; each leads to its place. */
export function FileList({ files, chosen, isViewed, onChoose }: FileListProps) {
  const [wanted, want] = useState('');
  const rows = useMemo(
    () =>
      files.map((file) => {
        const lines = file.hunks.flatMap((hunk) => hunk.lines);
        const at = file.path.lastIndexOf('/') + 1;
        return {
          file,
          folder: file.path.slice(0, at),
          name: file.path.slice(at),
          added: lines.filter(({ kind }) => kind === 'added').length,
          deleted: lines.filter(({ kind }) => kind === 'deleted').length,
        };
      }),
    [files],
  );
  const shown = rows.filter(({ file }) => file.path.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <nav
      aria-label="Changed files"
      className="sticky top-3 flex max-h-[calc(100vh-1.5rem)] flex-col rounded-lg border border-line bg-panel"
    >
      {files.length >= MANY && (
        <div className="border-b border-line p-2">
          <input
            type="search"
            aria-label="Find a changed file"
            placeholder={`Find among ${files.length} files`}
            className={inputLook}
            value={wanted}
            onChange={(event) => want(event.target.value)}
          />
        </div>
      )}
      <ul className="min-h-0 overflow-y-auto p-1">
        {shown.map(({ file, folder, name, added, deleted }) => (
          <li key={file.path} className="[contain-intrinsic-size:auto_2.5rem] [content-visibility:auto]">
            <button
              type="button"
              title={file.path}
              aria-current={file.path === chosen || undefined}
              onClick={() => onChoose(file.path)}
              className="flex w-full items-center gap-2 rounded-md px-2 py-1 text-left hover:bg-hover aria-[current]:bg-tint"
            >
              <span className="min-w-0 flex-1">
                <span className="block truncate font-mono text-sm">{name}</span>
                {folder && <span className="block truncate font-mono text-xs text-soft">{folder}</span>}
              </span>
              {isViewed(file) ? (
                <>
                  <Check aria-hidden size={14} className="shrink-0 text-good" />
                  <span className="sr-only">, viewed</span>
                </>
              ) : (
                <span className="shrink-0 font-mono text-xs">
                  <span className="text-good">+{added}</span> <span className="text-bad">−{deleted}</span>
                </span>
              )}
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
