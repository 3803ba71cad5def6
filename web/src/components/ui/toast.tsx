// Short messages at the edge: what was done, with the way back, and what failed.
import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "@/lib/class-names";
import { Button, IconButton } from "./button";

const manager = Toast.createToastManager();

/** Says what was done; `undo` takes it back while the message stands. `then` runs when it is gone without. */
export function tell(title: string, more: { undo?: () => void; then?: () => void; ms?: number } = {}): void {
  let undone = false;
  const id = manager.add({
    title,
    timeout: more.ms ?? 5000,
    onRemove: () => !undone && more.then?.(),
    actionProps: more.undo && {
      children: "Undo",
      onClick: () => {
        undone = true;
        more.undo?.();
        manager.close(id);
      },
    },
  });
}

export function tellError(error: unknown): void {
  manager.add({
    title: error instanceof Error ? error.message : String(error),
    type: "error",
    priority: "high",
    timeout: 10_000,
  });
}

export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={manager}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="fixed right-3 bottom-3 z-60 flex w-[min(24rem,calc(100vw-1.5rem))] flex-col gap-2">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className={cx(
        "bg-raised shadow-float flex items-center gap-2 rounded-lg border py-2 pr-2 pl-3",
        toast.type === "error" ? "border-danger/50 text-danger" : "border-line",
      )}
    >
      <Toast.Title className="min-w-0 flex-1 text-sm break-words" />
      {toast.actionProps && <Toast.Action render={<Button size="sm" />} />}
      <Toast.Close render={<IconButton label="Dismiss" />}>
        <X size={14} />
      </Toast.Close>
    </Toast.Root>
  ));
}
