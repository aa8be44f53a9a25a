import { CheckCircle2, X, XCircle } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { problemOf } from '../api/problem';

type Toast = { id: number; tone: 'good' | 'bad'; text: string };

let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(list: Toast[]) {
  toasts = list;
  for (const listener of listeners) listener();
}

function show(tone: Toast['tone'], text: string) {
  const id = next++;
  set([...toasts.slice(-2), { id, tone, text }]);
  // What went wrong stays until it has been read.
  if (tone === 'good') setTimeout(() => set(toasts.filter((toast) => toast.id !== id)), 5000);
}

export const toast = {
  done: (text: string) => show('good', text),
  refused: (error: unknown) => show('bad', problemOf(error).detail || problemOf(error).title),
};

/** Short words about what was just done; they never take the focus. */
export function Toasts() {
  const list = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <section
      aria-label="Messages"
      aria-live="polite"
      className="fixed right-4 bottom-4 z-50 flex w-80 max-w-[90vw] flex-col gap-2"
    >
      {list.map(({ id, tone, text }) => (
        <div key={id} className="flex items-start gap-2 rounded-md border border-line bg-raised p-3 shadow-float">
          {tone === 'good' ? (
            <CheckCircle2 aria-hidden size={16} className="mt-0.5 shrink-0 text-good" />
          ) : (
            <XCircle aria-hidden size={16} className="mt-0.5 shrink-0 text-bad" />
          )}
          <p className="min-w-0 flex-1 break-words">
            {tone === 'bad' && <span className="font-semibold">Refused: </span>}
            {text}
          </p>
          <button
            type="button"
            aria-label="Dismiss"
            className="rounded text-soft hover:text-text"
            onClick={() => set(toasts.filter((toast) => toast.id !== id))}
          >
            <X aria-hidden size={14} />
          </button>
        </div>
      ))}
    </section>
  );
}
