// Dialogs and drawers.
import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "@/lib/class-names";
import { IconButton } from "./button";

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  /** Says what it is about to screen readers and below the title. */
  description?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}

export function Dialog({ open, onClose, title, description, children, wide }: Props) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/30" />
        <Base.Popup className={cx(FLOATING, "top-1/2 -translate-y-1/2", wide ? "max-w-3xl" : "max-w-lg")}>
          <div className="flex items-start gap-3 p-4 pb-2">
            <div className="flex-1">
              <Base.Title className="text-base font-semibold">{title}</Base.Title>
              {description && <Base.Description className="text-muted mt-0.5">{description}</Base.Description>}
            </div>
            <Base.Close render={<IconButton label="Close" />}>
              <X size={16} />
            </Base.Close>
          </div>
          <div className="overflow-y-auto px-4 pb-4">{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

const FLOATING =
  "bg-raised border-line shadow-float fixed left-1/2 z-50 flex max-h-[85dvh] w-[calc(100vw-1.5rem)] -translate-x-1/2 flex-col rounded-xl border outline-none";

/** A bare floating panel near the top, for the command palette. */
export function TopPanel({
  open,
  onClose,
  label,
  children,
}: {
  open: boolean;
  onClose: () => void;
  label: string;
  children: ReactNode;
}) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/30" />
        <Base.Popup aria-label={label} className={cx(FLOATING, "top-[12dvh] max-w-xl")}>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** A panel at the side of a narrow window. */
export function Drawer({
  open,
  onClose,
  label,
  side = "left",
  children,
}: {
  open: boolean;
  onClose: () => void;
  label: string;
  side?: "left" | "right";
  children: ReactNode;
}) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/30" />
        <Base.Popup
          aria-label={label}
          className={cx(
            "bg-panel border-line shadow-float fixed inset-y-0 z-50 flex w-[min(19rem,88vw)] flex-col outline-none",
            side === "left" ? "left-0 border-r" : "right-0 border-l",
          )}
        >
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
