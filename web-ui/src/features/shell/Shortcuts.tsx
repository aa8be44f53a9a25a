import { Dialog } from '../../ui/Dialog';
import { placesOf } from './places';

const OTHERS: [string, string][] = [
  ['Ctrl K', 'Go to or do'],
  ['?', 'These keys'],
  ['g h', 'Home'],
];
const REVIEW: [string, string][] = [
  ['f', 'The files'],
  ['j / k', 'Next, previous file'],
  ['v', 'Mark the file as viewed'],
  ['n / p', 'Next, previous open thread'],
  ['a', 'Approve'],
  ['r', 'Request changes'],
  ['Ctrl Enter', 'Send the decision or the comment'],
];
const WORKERS: [string, string][] = [
  ['↓ / j', 'Next worker; from the search, the first'],
  ['↑ / k', 'Previous worker'],
  ['Home, End', 'First, last worker'],
];
const EDITOR: [string, string][] = [
  ['Ctrl P', 'Find a file'],
  ['Ctrl Space', 'What could stand here'],
  ['Ctrl I', 'What stands here'],
  ['F12', 'Where it is declared'],
  ['F8', 'Next problem'],
  ['Escape, Tab', 'Leave the editor'],
];

export function Shortcuts({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const go = placesOf('').map(({ keys, label }): [string, string] => [keys, label]);
  return (
    <Dialog title="Keys" isOpen={isOpen} onClose={onClose}>
      <div className="grid gap-6 sm:grid-cols-2">
        {(
          [
            ['Everywhere', [...OTHERS, ...go]],
            ['In a review', REVIEW],
            ['In a workspace', EDITOR],
            ['Among workers', WORKERS],
          ] as [string, [string, string][]][]
        ).map(([title, rows]) => (
          <section key={title}>
            <h3 className="mb-1 font-semibold">{title}</h3>
            <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
              {rows.map(([keys, what]) => (
                <div key={keys} className="contents">
                  <dt>
                    <kbd className="rounded border border-line bg-sunken px-1.5 font-mono text-sm">{keys}</kbd>
                  </dt>
                  <dd className="text-soft">{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
