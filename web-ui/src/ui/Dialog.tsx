import { X } from 'lucide-react';
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { Button } from './Button';

type DialogProps = {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  wide?: boolean;
  children: React.ReactNode;
  footer?: React.ReactNode;
};

/** A dialog above the page: holds the focus, closes on Escape, gives the focus back. */
export function Dialog({ title, isOpen, onClose, wide, children, footer }: DialogProps) {
  return (
    <ModalOverlay
      isOpen={isOpen}
      onOpenChange={(open) => open || onClose()}
      isDismissable
      className="fixed inset-0 z-40 flex items-start justify-center bg-[rgb(0_0_0/45%)] p-3 sm:pt-[8vh]"
    >
      <Modal className={`w-full ${wide ? 'max-w-4xl' : 'max-w-lg'}`}>
        <AriaDialog className="flex max-h-[84vh] flex-col rounded-lg border border-line bg-panel shadow-float outline-none">
          <div className="flex items-center justify-between gap-3 border-b border-line px-4 py-2.5">
            <Heading slot="title" className="text-lg font-semibold">
              {title}
            </Heading>
            <Button look="quiet" small icon={X} aria-label="Close" onPress={onClose} />
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by key */}
          <section className="overflow-y-auto px-4 py-3" tabIndex={0} aria-label={title}>
            {children}
          </section>
          {footer && <div className="flex flex-wrap justify-end gap-2 border-t border-line px-4 py-2.5">{footer}</div>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
