import type { Collision, Finding } from '../../api/gen/types.gen';
import { Badge } from '../../ui/Status';
import { Keys } from '../merge/Keys';
import { Prose } from './SemanticList';

/** What the validation found, each with its place and, where there is one, the way out. */
export function Findings({ list }: { list: Finding[] }) {
  return (
    <ul>
      {list.map((finding) => (
        <li
          key={`${finding.rule}${finding.path}${finding.line}${finding.message}`}
          className="flex flex-wrap items-start gap-2 border-t border-line px-4 py-2 first:border-t-0"
        >
          <Badge tone={finding.severity === 'error' ? 'bad' : 'warn'}>{finding.severity}</Badge>
          <div className="min-w-0 flex-1">
            <Prose text={finding.message} />
            {finding.hint && (
              <p className="text-soft">
                <Prose text={finding.hint} />
              </p>
            )}
            {finding.path && (
              <p className="font-mono text-xs break-all text-soft">
                {finding.path}
                {finding.line ? `:${finding.line}` : ''} ({finding.rule})
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** What a changeset collided with, down to the keys and what each side holds there. */
export function Collisions({ list }: { list: Collision[] }) {
  return (
    <ul>
      {list.map((collision) => (
        <li
          key={`${collision.path}${collision.key}${collision.with}`}
          className="flex flex-wrap items-start gap-2 border-t border-line px-4 py-2 first:border-t-0"
        >
          <Badge tone="bad">Conflict</Badge>
          <div className="min-w-0 flex-1">
            <p>{collision.reason}</p>
            <p className="font-mono text-xs break-all text-soft">
              {collision.path}
              {collision.key && collision.keys.length === 0 ? `, key ${collision.key}` : ''}, with{' '}
              {/^[0-9a-f]{40}$/.test(collision.with) ? collision.with.slice(0, 10) : collision.with}
            </p>
            <div className="flex flex-col gap-2 pt-1.5">
              <Keys
                list={collision.keys}
                total={collision.key_total}
                ours="The release so far"
                theirs="This changeset"
              />
            </div>
          </div>
        </li>
      ))}
    </ul>
  );
}
