// Buttons: one shape, four kinds, two sizes.
import type { ComponentProps } from "react";
import { cx } from "@/lib/class-names";

const KINDS = {
  primary: "bg-accent text-on-accent hover:brightness-110 disabled:hover:brightness-100",
  secondary: "border border-line bg-raised hover:bg-hover",
  ghost: "text-muted hover:bg-hover hover:text-ink",
  danger: "border border-danger/40 text-danger hover:bg-danger-soft",
};
const SIZES = { md: "h-8 px-3 text-sm", sm: "h-7 px-2 text-xs" };

export interface ButtonProps extends ComponentProps<"button"> {
  kind?: keyof typeof KINDS;
  size?: keyof typeof SIZES;
}

export function Button({ kind = "secondary", size = "md", className, ...props }: ButtonProps) {
  const shape =
    "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors disabled:opacity-50";
  return <button type="button" className={cx(shape, KINDS[kind], SIZES[size], className)} {...props} />;
}

/** A button that is a picture; `label` is what it is called, also on hovering. */
export function IconButton({ label, className, ...props }: ComponentProps<"button"> & { label: string }) {
  const shape =
    "text-muted hover:bg-hover hover:text-ink inline-flex size-7 shrink-0 items-center justify-center rounded-md transition-colors disabled:opacity-40 aria-pressed:bg-accent-soft aria-pressed:text-accent";
  return <button type="button" aria-label={label} title={label} className={cx(shape, className)} {...props} />;
}
