import { deleteConfigValue } from '../../api/gen/sdk.gen';
import type { Environment } from '../../api/gen/types.gen';
import { formError } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { useFreeze } from '../freezes/useFreeze';

type ToDefaultProps = {
  path: { appId: string; envId: string };
  stage: Environment;
  name: string;
  onClose: () => void;
};

/** Takes an environment's own value away while a freeze lasts: with the reason to set that aside. */
export function ToDefault({ path, stage, name, onClose }: ToDefaultProps) {
  const freeze = useFreeze(path.appId, stage);
  const reset = useAct(() => deleteConfigValue({ path: { ...path, name }, query: freeze.body }), {
    done: 'Back to the default of the catalog',
    onDone: onClose,
    quiet: true,
  });
  return (
    <Dialog
      title={`To default: ${name}`}
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={!freeze.isReady}
            isPending={reset.isPending}
            onPress={() => reset.mutate()}
          >
            To default
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <FormError error={formError(reset.error, ['override_freeze'])} />
        {freeze.field(reset.error)}
        <p>
          {stage.name} gives up its own value of {name}; the default of the catalog counts then. The history keeps what
          it was.
        </p>
      </div>
    </Dialog>
  );
}
