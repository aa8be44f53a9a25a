import { useMemo, useState } from 'react';
import type { KeyCollision } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { TextArea } from '../../ui/Field';
import { CLASHES } from './clashes';
import { merge3, type Piece, type Side, textOfPieces } from './merge3';

type PutTogetherProps = {
  name: string;
  base: string;
  ours: string;
  theirs: string;
  /** How the two sides are called. */
  labels: { ours: string; theirs: string };
  keys?: KeyCollision[];
  isPending?: boolean;
  onUse: (text: string) => void;
};

/** Puts a file together from two sides: place by place where they collide, and by hand where that is not enough. */
export function PutTogether({ name, base, ours, theirs, labels, keys = [], isPending, onUse }: PutTogetherProps) {
  const pieces = useMemo(() => merge3(base, ours, theirs), [base, ours, theirs]);
  const conflicts = pieces.filter((piece) => piece.kind === 'conflict');
  const [sides, setSides] = useState<(Side | undefined)[]>([]);
  const [typed, type] = useState<string | undefined>();
  const together = textOfPieces(pieces, sides);
  const open = conflicts.filter((_, at) => sides[at] === undefined).length;
  const text = typed ?? together;
  return (
    <div className="flex flex-col gap-2">
      <p className="text-soft">
        {conflicts.length === 0
          ? 'Line by line the two sides fit together.'
          : `${conflicts.length} ${conflicts.length === 1 ? 'place' : 'places'} to decide, ${open} open. Everything else is merged.`}
      </p>
      {conflicts.map((piece, at) => (
        <Place
          // biome-ignore lint/suspicious/noArrayIndexKey: the places of one comparison never move
          key={at}
          group={`${name}-${at}`}
          piece={piece}
          labels={labels}
          keys={keysIn(piece, keys)}
          side={sides[at]}
          onSide={(side) => {
            type(undefined);
            setSides(conflicts.map((_, place) => (place === at ? side : sides[place])));
          }}
        />
      ))}
      {typed !== undefined && (
        <TextArea
          label={`What ${name} is to hold`}
          rows={14}
          spellCheck={false}
          value={typed}
          onChange={(event) => type(event.target.value)}
        />
      )}
      <div className="flex flex-wrap gap-2">
        <Button
          look="primary"
          isDisabled={text === undefined}
          {...(isPending ? { isPending } : {})}
          onPress={() => text !== undefined && onUse(text)}
        >
          Use this
        </Button>
        <Button
          onPress={() =>
            type(
              typed === undefined
                ? (together ??
                    textOfPieces(
                      pieces,
                      conflicts.map((_, at) => sides[at] ?? 'both'),
                    ))
                : undefined,
            )
          }
        >
          {typed === undefined ? 'Write it by hand' : 'Back to the places'}
        </Button>
      </div>
    </div>
  );
}

type Conflict = Extract<Piece, { kind: 'conflict' }>;

/** The keys that no place to decide is about: line by line the two sides fit together there. */
export function keysElsewhere(base: string, ours: string, theirs: string, keys: KeyCollision[]): KeyCollision[] {
  const conflicts = merge3(base, ours, theirs).filter((piece) => piece.kind === 'conflict');
  const placed = new Set(conflicts.flatMap((piece) => keysIn(piece, keys)));
  return keys.filter((key) => !placed.has(key));
}

/** The keys whose values stand on the lines of a place, on either side. */
function keysIn(piece: Conflict, keys: KeyCollision[]) {
  const touches = (from: number, lines: string[], held: KeyCollision['ours']) =>
    held && held.line_start < from + Math.max(lines.length, 1) && held.line_end >= from;
  return keys.filter(
    (key) => touches(piece.oursFrom, piece.ours, key.ours) || touches(piece.theirsFrom, piece.theirs, key.theirs),
  );
}

type PlaceProps = {
  group: string;
  piece: Conflict;
  labels: { ours: string; theirs: string };
  keys: KeyCollision[];
  side: Side | undefined;
  onSide: (side: Side) => void;
};

function Place({ group, piece, labels, keys, side, onSide }: PlaceProps) {
  const choices: [Side, string][] = [
    ['ours', labels.ours],
    ['theirs', labels.theirs],
    ['both', 'Both, one after the other'],
    ['neither', 'Neither'],
  ];
  const lines = (label: string, content: string[], look: string) => (
    <div className="min-w-0">
      <p className="px-3 pt-1 text-sm text-soft">{label}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key */}
      <pre tabIndex={0} className={`m-1 max-h-56 overflow-auto rounded px-2 py-1 font-mono text-sm ${look}`}>
        {content.length === 0 ? <span className="text-soft">Nothing</span> : content.join('\n')}
      </pre>
    </div>
  );
  return (
    <fieldset className="rounded-md border border-line">
      <legend className="mx-2 px-1 text-sm">
        <span className="font-mono font-semibold break-all">
          {keys.length > 0 ? keys.map(({ key }) => key).join(', ') : `Line ${piece.oursFrom}`}
        </span>
        <span className="pl-2 text-soft">{[...new Set(keys.map(({ clash }) => CLASHES[clash]))].join('; ')}</span>
      </legend>
      <div className="grid lg:grid-cols-3">
        {lines('Before', piece.base, 'bg-sunken')}
        {lines(labels.ours, piece.ours, 'bg-tint')}
        {lines(labels.theirs, piece.theirs, 'bg-info-tint')}
      </div>
      <div className="flex flex-wrap gap-4 px-3 py-1.5">
        {choices.map(([value, label]) => (
          <label key={value} className="flex items-center gap-1.5">
            <input
              type="radio"
              name={group}
              className="accent-accent"
              checked={side === value}
              onChange={() => onSide(value)}
            />
            {label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
