// The frame of the pages besides the chat: a title, what the page is for, and its sections.
import type { ReactNode } from "react";
import { cx } from "@/lib/class-names";

export function Page({
  title,
  about,
  actions,
  children,
}: {
  title: string;
  about: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex max-w-4xl flex-col gap-6 px-4 py-5 md:px-8 md:py-7">
        <header className="flex flex-wrap items-start gap-x-4 gap-y-2">
          <div className="min-w-0 flex-1 basis-64">
            <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
            <p className="text-muted mt-1 max-w-2xl">{about}</p>
          </div>
          {actions}
        </header>
        {children}
      </div>
    </div>
  );
}

export function Section({
  title,
  about,
  actions,
  children,
}: {
  title: string;
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="flex flex-col gap-3">
      <div className="flex flex-wrap items-end gap-x-4 gap-y-1">
        <div className="min-w-0 flex-1 basis-60">
          <h2 className="font-semibold">{title}</h2>
          {about && <p className="text-muted mt-0.5">{about}</p>}
        </div>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** A list of rows in one frame. */
export function Rows({ children, className, label }: { children: ReactNode; className?: string; label?: string }) {
  return (
    <ul
      aria-label={label}
      className={cx("border-line divide-line bg-raised divide-y overflow-hidden rounded-lg border", className)}
    >
      {children}
    </ul>
  );
}

export function Row({ children, className }: { children: ReactNode; className?: string }) {
  return <li className={cx("px-3.5 py-2.5", className)}>{children}</li>;
}
