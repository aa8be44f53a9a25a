import { Copy } from 'lucide-react';
import { Button } from '../../ui/Button';
import { toast } from '../../ui/toast';

/** A secret that is shown once, to be copied now. */
export function Secret({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <div role="status" className="m-4 flex flex-wrap items-center gap-3 rounded-md bg-warn-tint p-3 text-warn">
      <p className="min-w-0 flex-1">
        Copy it now; it is never shown again.
        <code className="block font-mono text-sm break-all">{secret}</code>
      </p>
      {/* Browsers have no clipboard for pages that come without TLS. */}
      {navigator.clipboard && (
        <Button
          small
          icon={Copy}
          onPress={() => navigator.clipboard.writeText(secret).then(() => toast.done('Copied'), toast.refused)}
        >
          Copy
        </Button>
      )}
      <Button small onPress={onClose}>
        Done
      </Button>
    </div>
  );
}
