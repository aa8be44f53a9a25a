import { X } from 'lucide-react';

type OpenFilesProps = {
  files: string[];
  chosen: string | undefined;
  onChoose: (file: string) => void;
  onClose: (file: string) => void;
};

/** The files that are open beside one another, one of them in the editor. */
export function OpenFiles({ files, chosen, onChoose, onClose }: OpenFilesProps) {
  if (files.length < 2) return null;
  const name = (file: string) => file.slice(file.lastIndexOf('/') + 1);
  return (
    <nav aria-label="Open files" className="flex gap-px overflow-x-auto border-b border-line bg-sunken">
      {files.map((file) => (
        <span
          key={file}
          className={`flex items-center gap-1 border-r border-line pr-1 pl-3 ${file === chosen ? 'bg-panel' : ''}`}
        >
          <button
            type="button"
            title={file}
            aria-current={file === chosen ? 'page' : undefined}
            className="rounded py-1.5 font-mono text-sm whitespace-nowrap text-soft hover:text-text aria-[current=page]:text-text"
            onClick={() => onChoose(file)}
          >
            {name(file)}
          </button>
          <button
            type="button"
            aria-label={`Close ${file}`}
            className="rounded p-1 text-soft hover:bg-hover hover:text-text"
            onClick={() => onClose(file)}
          >
            <X aria-hidden size={12} />
          </button>
        </span>
      ))}
    </nav>
  );
}
