import { GripVertical } from 'lucide-react';
import { useState } from 'react';
import { moved, placeByKey } from '../util/order';

type OrderedListProps<T> = {
  label: string;
  items: T[];
  idOf: (item: T) => string;
  nameOf: (item: T) => string;
  canOrder: boolean;
  onOrder: (items: T[]) => void;
  children: (item: T) => React.ReactNode;
};

/** A list that is put in order by mouse or by key (arrows on the handle), and says where things went. */
export function OrderedList<T>({ label, items, idOf, nameOf, canOrder, onOrder, children }: OrderedListProps<T>) {
  const [dragged, drag] = useState<number | undefined>();
  const [over, setOver] = useState<number | undefined>();
  const [said, say] = useState('');
  const put = (from: number, to: number) => {
    const item = items[from];
    if (from === to || !item) return;
    say(`${nameOf(item)} is now at place ${to + 1} of ${items.length}`);
    onOrder(moved(items, from, to));
  };
  return (
    <>
      <ol aria-label={label}>
        {items.map((item, at) => (
          <li
            key={idOf(item)}
            className={`flex items-center gap-2 border-t border-line px-2 first:border-t-0 ${over === at && dragged !== at ? 'bg-tint' : ''} ${dragged === at ? 'opacity-50' : ''}`}
            draggable={canOrder}
            onDragStart={() => drag(at)}
            onDragOver={(event) => {
              event.preventDefault();
              setOver(at);
            }}
            onDragEnd={() => {
              drag(undefined);
              setOver(undefined);
            }}
            onDrop={() => dragged !== undefined && put(dragged, at)}
          >
            {canOrder && (
              <button
                type="button"
                aria-label={`Move ${nameOf(item)}, place ${at + 1} of ${items.length}; use the arrow keys`}
                className="cursor-grab rounded p-1 text-soft hover:bg-hover"
                onKeyDown={(event) => {
                  const to = placeByKey(event.key, at, items.length);
                  if (to === undefined) return;
                  event.preventDefault();
                  put(at, to);
                }}
              >
                <GripVertical aria-hidden size={14} />
              </button>
            )}
            <span className="w-6 text-center text-soft tabular-nums">{at + 1}</span>
            <div className="min-w-0 flex-1 py-2">{children(item)}</div>
          </li>
        ))}
      </ol>
      <p aria-live="assertive" className="sr-only">
        {said}
      </p>
    </>
  );
}
