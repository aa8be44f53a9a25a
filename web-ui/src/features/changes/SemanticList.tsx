import { Equal } from 'lucide-react';
import type { SemanticChange, SemanticDiff } from '../../api/gen/types.gen';
import { words } from '../../ui/Status';
import { Empty } from '../../ui/states';

const MARKS: Record<string, [sign: string, look: string]> = {
  added: ['+', 'bg-good-tint text-good'],
  removed: ['−', 'bg-bad-tint text-bad'],
  modified: ['~', 'bg-info-tint text-info'],
  moved: ['→', 'bg-warn-tint text-warn'],
};

/** Texts of the server hold names between backticks. */
export function Prose({ text }: { text: string }) {
  return text.split('`').map((part, at) =>
    at % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text never move
      <code key={at} className="rounded bg-sunken px-1 font-mono text-sm wrap-anywhere">
        {part}
      </code>
    ) : (
      part
    ),
  );
}

/** A number of things: `1 entity`, `2 entities`, `3 keys`. */
export const counted = (count: number, thing: string) =>
  `${count} ${count === 1 ? thing : /[^aeiou]y$/.test(thing) ? `${thing.slice(0, -1)}ies` : `${thing}s`}`;

/** What changes, in the words of the configuration, by kind of it; each leads to its lines where there is a way. */
export function SemanticList({ diff, onJump }: { diff: SemanticDiff; onJump?: (change: SemanticChange) => void }) {
  const { changes, summary } = diff;
  if (changes.length === 0) {
    return (
      <Empty icon={Equal} title="Nothing changes">
        Both sides have the same files.
      </Empty>
    );
  }
  const types = [...new Set(changes.map((change) => change.configType))];
  return (
    <div className="flex flex-col gap-3">
      <p className="text-sm text-soft">
        {counted(summary.totalChanges, 'change')}:{' '}
        {types.map((type) => counted(summary.byConfigType[type] ?? 0, type)).join(', ')}
        {changes.length < summary.totalChanges && ` (the first ${changes.length} are shown)`}
      </p>
      {types.map((type) => (
        <section key={type}>
          <h3 className="mb-0.5 font-medium text-soft">{words(type)}</h3>
          <ul className="overflow-hidden rounded-md border border-line">
            {changes
              .filter((change) => change.configType === type)
              .map((change) => {
                const [sign, look] = MARKS[change.operation] ?? ['·', ''];
                const body = (
                  <>
                    <span
                      className={`mt-px flex size-5 shrink-0 items-center justify-center rounded font-mono ${look}`}
                    >
                      <span aria-hidden>{sign}</span>
                      <span className="sr-only">{change.operation}</span>
                    </span>
                    <span className="min-w-0 flex-1 text-left">
                      <Prose text={change.description} />
                      <span className="block truncate font-mono text-xs text-soft">
                        {change.filePath}
                        {change.lineStart ? `:${change.lineStart}` : ''}
                      </span>
                    </span>
                  </>
                );
                return (
                  <li key={change.id} className="border-t border-line first:border-t-0">
                    {onJump ? (
                      <button
                        type="button"
                        className="flex w-full items-start gap-2.5 px-3 py-1.5 hover:bg-hover"
                        onClick={() => onJump(change)}
                      >
                        {body}
                      </button>
                    ) : (
                      <div className="flex items-start gap-2.5 px-3 py-1.5">{body}</div>
                    )}
                  </li>
                );
              })}
          </ul>
        </section>
      ))}
    </div>
  );
}
