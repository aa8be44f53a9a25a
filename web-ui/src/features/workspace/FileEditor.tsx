import { CheckCircle2, CircleDashed, CloudOff, FolderInput, PencilLine, Trash2, TriangleAlert } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import type { Finding } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { Badge, type Tone } from '../../ui/Status';
import { Empty, ErrorPanel, FormError, Skeleton } from '../../ui/states';
import { PutTogether } from '../merge/PutTogether';
import { PastButton } from '../past/PastButton';
import type { Place } from './CodeEditor';
import { Problems } from './Problems';
import { type Saving, useFile } from './useFile';

const CodeEditor = lazy(() => import('./CodeEditor'));

const STATES: Record<Saving, [Tone, typeof CheckCircle2, string]> = {
  saved: ['good', CheckCircle2, 'Saved'],
  typing: ['neutral', PencilLine, 'Typing'],
  saving: ['info', CircleDashed, 'Saving'],
  offline: ['warn', CloudOff, 'Not saved: the server cannot be reached. Kept here, and tried again'],
  refused: ['bad', TriangleAlert, 'Not saved'],
  conflict: ['bad', TriangleAlert, 'Changed elsewhere'],
};

type FileEditorProps = {
  app: string;
  workspace: string;
  file: string;
  canEdit: boolean;
  /** The line that the address names. */
  line: number | undefined;
  /** Goes to a line of a file. */
  onGo: (file: string, line: number) => void;
  onMove: () => void;
  onDelete: () => void;
  /** The person agreed that the file is gone. */
  onGone: () => void;
};

/** One file, saved as one types, with what became of it always in sight. */
export function FileEditor({ app, workspace, file, canEdit, line, onGo, onMove, onDelete, onGone }: FileEditorProps) {
  const path = useMemo(() => ({ appId: app, workspaceId: workspace }), [app, workspace]);
  const { text, isBinary, saving, error, theirs, type, save, choose } = useFile(path, file);
  const [isMerging, merge] = useState(false);
  const [findings, setFindings] = useState<Finding[] | undefined>();
  const [place, put] = useState<Place | undefined>();
  useEffect(() => {
    if (line) put({ line, column: 1 });
  }, [line]);
  const [tone, icon, word] = STATES[saving];
  if (text === undefined) return error ? <ErrorPanel error={error} /> : <Skeleton rows={12} />;
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5">
        <h2 className="min-w-0 flex-1 basis-48 font-mono text-sm break-all">{file}</h2>
        <span role="status">
          <Badge tone={tone} icon={icon}>
            {word}
          </Badge>
        </span>
        {(saving === 'refused' || saving === 'offline') && (
          <Button small onPress={save}>
            Save now
          </Button>
        )}
        <PastButton of={{ app, workspace }} file={file} />
        {canEdit && (
          <>
            <Button small look="quiet" icon={FolderInput} aria-label={`Rename or move ${file}`} onPress={onMove}>
              Move
            </Button>
            <Button small look="quiet" icon={Trash2} aria-label={`Delete ${file}`} onPress={onDelete}>
              Delete
            </Button>
          </>
        )}
      </div>
      {saving === 'refused' && <FormError error={error} />}
      {theirs && (
        <div role="alert" className="max-h-[60vh] overflow-y-auto border-b border-line bg-warn-tint p-3 text-warn">
          <p className="font-semibold">
            {theirs.text === undefined
              ? 'This file was deleted or moved elsewhere while you typed. Nothing is lost; choose.'
              : 'This file was changed elsewhere while you typed. Nothing is lost; choose.'}
          </p>
          <div className="mt-2 flex flex-wrap gap-2">
            <Button small onPress={() => choose(text)}>
              Keep yours
            </Button>
            {theirs.text === undefined ? (
              <Button
                small
                onPress={() => {
                  choose(undefined);
                  onGone();
                }}
              >
                Let it go
              </Button>
            ) : (
              <>
                <Button small onPress={() => choose(theirs.text)}>
                  Keep the other
                </Button>
                <Button small aria-expanded={isMerging} onPress={() => merge(!isMerging)}>
                  Put both together
                </Button>
              </>
            )}
          </div>
          <div className="mt-2 rounded-md border border-line bg-panel p-2 text-text">
            {isMerging && theirs.text !== undefined ? (
              <PutTogether
                name={file}
                base={theirs.base}
                ours={text}
                theirs={theirs.text}
                labels={{ ours: 'Yours', theirs: 'The other' }}
                onUse={(together) => {
                  merge(false);
                  choose(together);
                }}
              />
            ) : (
              <div className="grid gap-2 lg:grid-cols-2">
                {(
                  [
                    ['Yours', text],
                    ['The other', theirs.text ?? 'Not there any more'],
                  ] as const
                ).map(([label, content]) => (
                  <div key={label} className="min-w-0">
                    <b className="font-semibold">{label}</b>
                    {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key */}
                    <pre tabIndex={0} className="max-h-40 overflow-auto font-mono text-xs">
                      {content}
                    </pre>
                  </div>
                ))}
              </div>
            )}
          </div>
        </div>
      )}
      {isBinary ? (
        <Empty icon={PencilLine} title="Not a text">
          This file cannot be edited here.
        </Empty>
      ) : (
        <>
          <div className="min-h-0 flex-1">
            <Suspense fallback={<Skeleton rows={12} />}>
              <CodeEditor
                label={file}
                text={text}
                readOnly={!canEdit}
                onText={type}
                place={place}
                assist={{
                  path,
                  file,
                  onFindings: setFindings,
                  onGo: (to, at) => (to === file ? put({ line: at, column: 1 }) : onGo(to, at)),
                }}
              />
            </Suspense>
          </div>
          <Problems findings={findings} onGo={(at, column) => put({ line: at, column })} />
        </>
      )}
    </div>
  );
}
