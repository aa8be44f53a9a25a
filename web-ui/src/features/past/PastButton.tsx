import { History } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Button } from '../../ui/Button';
import type { PastOf } from './FilePast';

const FilePast = lazy(() => import('./FilePast'));

/** Opens what became of a file before. */
export function PastButton({ of, file }: { of: PastOf; file: string }) {
  const [isOpen, open] = useState(false);
  return (
    <>
      <Button small look="quiet" icon={History} aria-label={`History of ${file}`} onPress={() => open(true)}>
        History
      </Button>
      {isOpen && (
        <Suspense>
          <FilePast of={of} file={file} onClose={() => open(false)} />
        </Suspense>
      )}
    </>
  );
}
