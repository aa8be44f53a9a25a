import { CheckCircle2, CircleDashed, CloudOff, PencilLine, TriangleAlert } from 'lucide-react';
import { lazy, Suspense, useMemo } from 'react';
import { Button } from '../../ui/Button';
import { Badge, type Tone } from '../../ui/Status';
import { Empty, ErrorPanel, FormError, Skeleton } from '../../ui/states';
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

type FileEditorProps = { app: string; workspace: string; file: string; canEdit: boolean };

/** One file, saved as one types, with what became of it always in sight. */
export function FileEditor({ app, workspace, file, canEdit }: FileEditorProps) {
  const path = useMemo(() => ({ appId: app, workspaceId: workspace }), [app, workspace]);
  const { text, isBinary, saving, error, theirs, type, save, choose } = useFile(path, file);
  const [tone, icon, word] = STATES[saving];
  if (text === undefined) return error ? <ErrorPanel error={error} /> : <Skeleton rows={12} />;
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5">
        <h2 className="min-w-0 flex-1 font-mono text-sm break-all">{file}</h2>
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
      </div>
      {saving === 'refused' && <FormError error={error} />}
      {theirs && (
        <div role="alert" className="border-b border-line bg-warn-tint p-3 text-warn">
          <p className="font-semibold">This file was changed elsewhere while you typed. Nothing is lost; choose.</p>
          <div className="mt-2 grid gap-2 text-text lg:grid-cols-2">
            {(
              [
                ['mine', 'Yours', text],
                ['theirs', 'The other', theirs.text],
              ] as const
            ).map(([whose, label, content]) => (
              <div key={whose} className="min-w-0 rounded-md border border-line bg-panel p-2">
                <div className="flex items-center justify-between pb-1">
                  <b className="font-semibold">{label}</b>
                  <Button small onPress={() => choose(whose)}>
                    Keep {label.toLowerCase()}
                  </Button>
                </div>
                {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key */}
                <pre tabIndex={0} className="max-h-48 overflow-auto font-mono text-xs">
                  {content}
                </pre>
              </div>
            ))}
          </div>
        </div>
      )}
      {isBinary ? (
        <Empty icon={PencilLine} title="Not a text">
          This file cannot be edited here.
        </Empty>
      ) : (
        <div className="min-h-0 flex-1">
          <Suspense fallback={<Skeleton rows={12} />}>
            <CodeEditor label={file} text={text} readOnly={!canEdit} onText={type} />
          </Suspense>
        </div>
      )}
    </div>
  );
}
