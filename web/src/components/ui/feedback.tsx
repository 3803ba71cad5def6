// What a page says about its own state: loading, empty, broken, going on.
import { AlertTriangle, Info, LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "@/lib/class-names";
import { Button } from "./button";

export function Spinner({ label = "Loading" }: { label?: string }) {
  return <LoaderCircle size={15} className="text-muted animate-spin" aria-label={label} role="status" />;
}

/** Nothing here yet, and what to do about it. */
export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="border-line flex flex-col items-center gap-2 rounded-lg border border-dashed px-6 py-10 text-center">
      {icon && <span className="text-muted mb-1">{icon}</span>}
      <p className="text-base font-medium">{title}</p>
      {children && <div className="text-muted max-w-md">{children}</div>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  );
}

/** What happened, and how to go on. */
export function Problem({ error, onRetry, className }: { error: unknown; onRetry?: () => void; className?: string }) {
  return (
    <div
      role="alert"
      className={cx(
        "border-danger/30 bg-danger-soft text-danger flex items-start gap-2 rounded-lg border px-3 py-2",
        className,
      )}
    >
      <AlertTriangle size={15} className="mt-0.5 shrink-0" />
      <span className="min-w-0 flex-1 break-words">{error instanceof Error ? error.message : String(error)}</span>
      {onRetry && (
        <Button size="sm" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Note({
  children,
  kind = "info",
  action,
}: {
  children: ReactNode;
  kind?: "info" | "warn";
  action?: ReactNode;
}) {
  const Icon = kind === "warn" ? AlertTriangle : Info;
  return (
    <div
      className={cx(
        "flex flex-wrap items-start gap-2 rounded-lg border px-3 py-2",
        kind === "warn" ? "border-warn/30 bg-warn-soft text-warn" : "border-line bg-panel text-muted",
      )}
    >
      <Icon size={15} className="mt-0.5 shrink-0" />
      <div className="min-w-0 flex-1 basis-52">{children}</div>
      {action && <div className="ml-auto">{action}</div>}
    </div>
  );
}

const BADGES = {
  plain: "bg-panel text-muted border-line",
  accent: "bg-accent-soft text-accent border-transparent",
  warn: "bg-warn-soft text-warn border-transparent",
  danger: "bg-danger-soft text-danger border-transparent",
};

export function Badge({
  kind = "plain",
  children,
  title,
}: {
  kind?: keyof typeof BADGES;
  children: ReactNode;
  title?: string;
}) {
  return (
    <span
      title={title}
      className={cx(
        "inline-flex h-5 items-center gap-1 rounded border px-1.5 text-2xs font-medium whitespace-nowrap",
        BADGES[kind],
      )}
    >
      {children}
    </span>
  );
}

export function ProgressBar({ share, label }: { share: number; label: string }) {
  const percent = Math.round(Math.max(0, Math.min(1, share)) * 100);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      className="bg-hover h-1.5 w-full overflow-hidden rounded-full"
    >
      <div className="bg-accent h-full rounded-full transition-[width]" style={{ width: `${percent}%` }} />
    </div>
  );
}
