import type { HeldValue, KeyCollision } from '../../api/gen/types.gen';
import { CLASHES } from './clashes';

type KeysProps = { list: KeyCollision[]; total: number; ours: string; theirs: string };

/** The keys of a file that collide, with what was and what each side made of it. */
export function Keys({ list, total, ours, theirs }: KeysProps) {
  if (list.length === 0) return null;
  return (
    <>
      <ul className="flex flex-col gap-2">
        {list.map((collision) => (
          <li key={`${collision.key}${collision.clash}`} className="rounded-md border border-line">
            <p className="flex flex-wrap gap-x-2 border-b border-line bg-sunken px-3 py-1">
              <code className="font-mono text-sm font-semibold break-all">{collision.key || 'The whole file'}</code>
              <span className="text-sm text-soft">
                {CLASHES[collision.clash]}
                {collision.with && `, set by ${collision.with}`}
              </span>
            </p>
            <dl className="grid gap-px sm:grid-cols-3">
              <Held label="Before" held={collision.base} look="" />
              <Held label={ours} held={collision.ours} look="bg-tint" />
              <Held label={theirs} held={collision.theirs} look="bg-info-tint" />
            </dl>
          </li>
        ))}
      </ul>
      {total > list.length && (
        <p className="text-sm text-soft">
          The first {list.length} of {total} keys.
        </p>
      )}
    </>
  );
}

function Held({ label, held, look }: { label: string; held: HeldValue | null | undefined; look: string }) {
  return (
    <div className="min-w-0 px-3 py-1.5">
      <dt className="text-sm text-soft">
        {label}
        {held && `, line ${held.line_start}${held.line_end > held.line_start ? ` to ${held.line_end}` : ''}`}
      </dt>
      <dd>
        {held ? (
          <code className={`rounded px-1 font-mono text-sm break-all whitespace-pre-wrap ${look}`}>{held.text}</code>
        ) : (
          <span className="text-soft">Not there</span>
        )}
      </dd>
    </div>
  );
}
