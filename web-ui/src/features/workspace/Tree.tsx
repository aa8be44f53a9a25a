import { useState } from 'react';
import type { TreeFile } from '../../api/gen/types.gen';
import { inputLook } from '../../ui/Field';

const MARKS: Record<string, [letter: string, look: string]> = {
  added: ['A', 'text-good'],
  modified: ['M', 'text-info'],
  deleted: ['D', 'text-bad'],
  renamed: ['R', 'text-warn'],
};

type TreeProps = {
  files: TreeFile[];
  deleted: string[];
  chosen: string | undefined;
  onChoose: (path: string) => void;
};

/** The files of a workspace by folder, with what became of each since the baseline. */
export function Tree({ files, deleted, chosen, onChoose }: TreeProps) {
  const [text, setText] = useState('');
  const [onlyEdited, setOnlyEdited] = useState(false);
  const all = [
    ...files.map(({ path, marker }) => ({ path, marker: marker ?? undefined })),
    ...deleted.map((path) => ({ path, marker: 'deleted' })),
  ]
    .filter(({ path, marker }) => path.toLowerCase().includes(text.toLowerCase()) && (!onlyEdited || marker))
    .sort((one, other) => (one.path < other.path ? -1 : 1));
  const folders = [...new Set(all.map(({ path }) => path.slice(0, path.lastIndexOf('/') + 1)))].sort();
  const isFiltered = text !== '' || onlyEdited;
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-col gap-1.5 border-b border-line p-2">
        <input
          id="find-file"
          type="search"
          aria-label="Find a file"
          placeholder="Find a file (Ctrl P)"
          className={inputLook}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            const first = all.find(({ marker }) => marker !== 'deleted');
            if (event.key === 'Enter' && first) onChoose(first.path);
          }}
        />
        <label className="flex items-center gap-1.5 text-sm text-soft">
          <input
            type="checkbox"
            className="size-3.5 accent-accent"
            checked={onlyEdited}
            onChange={(event) => setOnlyEdited(event.target.checked)}
          />
          Edited only
        </label>
      </div>
      <nav aria-label="Files" className="min-h-0 flex-1 overflow-y-auto p-1.5 text-sm">
        {all.length === 0 && <p className="p-2 text-soft">No such file.</p>}
        {folders.map((folder) => {
          const inside = all.filter(({ path }) => path.slice(0, path.lastIndexOf('/') + 1) === folder);
          const list = (
            <ul>
              {inside.map(({ path, marker }) => {
                const [letter, look] = MARKS[marker ?? ''] ?? ['', ''];
                return (
                  <li key={path}>
                    <button
                      type="button"
                      disabled={marker === 'deleted'}
                      aria-current={path === chosen ? 'page' : undefined}
                      className={`flex w-full items-center gap-2 rounded px-2 py-1 text-left hover:bg-hover aria-[current=page]:bg-tint aria-[current=page]:text-accent ${folder ? 'pl-5' : ''}`}
                      onClick={() => onChoose(path)}
                    >
                      <span className={`min-w-0 flex-1 truncate ${marker === 'deleted' ? 'line-through' : ''}`}>
                        {path.slice(folder.length)}
                      </span>
                      {letter && (
                        <span className={`font-mono font-semibold ${look}`} title={marker}>
                          <span aria-hidden>{letter}</span>
                          <span className="sr-only">{marker}</span>
                        </span>
                      )}
                    </button>
                  </li>
                );
              })}
            </ul>
          );
          if (!folder) return <div key={folder}>{list}</div>;
          return (
            <details
              key={folder + String(isFiltered)}
              open={isFiltered || inside.some(({ path, marker }) => marker !== undefined || path === chosen)}
            >
              <summary className="cursor-pointer truncate rounded px-1 py-1 text-soft hover:bg-hover">{folder}</summary>
              {list}
            </details>
          );
        })}
      </nav>
    </div>
  );
}
