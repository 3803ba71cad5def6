// Links of a model: to the web only, with their destination in sight, and nothing is fetched before a click.
import type { ReactNode } from "react";

/** The address if it is one of the web, or nothing. */
export function safeAddress(text: string | undefined): string | undefined {
  if (!text || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
}

export function SafeLink({ href, children }: { href?: string; children?: ReactNode }) {
  const address = safeAddress(href);
  if (!address) return <span>{children}</span>;
  const { host } = new URL(address);
  const names = typeof children === "string" && children.includes(host);
  return (
    <span>
      <a href={address} target="_blank" rel="noopener noreferrer" title={address}>
        {children}
      </a>
      {!names && <span className="text-muted text-xs"> ({host})</span>}
    </span>
  );
}
