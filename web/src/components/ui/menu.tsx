// A menu behind a button.
import { Menu as Base } from "@base-ui/react/menu";
import { Check } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { cx } from "@/lib/class-names";

export interface MenuEntry {
  label: string;
  /** Small text beside the label. */
  hint?: string;
  icon?: ReactNode;
  chosen?: boolean;
  danger?: boolean;
  disabled?: boolean;
  run: () => void;
}

/** Entries in groups; a group may have a heading. */
export interface MenuGroup {
  heading?: string;
  entries: MenuEntry[];
}

export function Menu({
  trigger,
  groups,
  side = "bottom",
  align = "start",
}: {
  trigger: ReactElement;
  groups: MenuGroup[];
  side?: "top" | "bottom";
  align?: "start" | "end";
}) {
  return (
    <Base.Root modal={false}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner side={side} align={align} sideOffset={4} className="z-50">
          <Base.Popup className="bg-raised border-line shadow-float max-h-[60dvh] max-w-[min(22rem,92vw)] min-w-44 overflow-y-auto rounded-lg border p-1 outline-none">
            {groups.map((group, index) => (
              <Base.Group key={index} className={cx(index > 0 && "border-line mt-1 border-t pt-1")}>
                {group.heading && (
                  <Base.GroupLabel className="text-muted px-2 py-1 text-2xs font-medium">
                    {group.heading}
                  </Base.GroupLabel>
                )}
                {group.entries.map((entry, at) => (
                  <Entry key={at} {...entry} />
                ))}
              </Base.Group>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

function Entry({ label, hint, icon, chosen, danger, disabled, run }: MenuEntry) {
  return (
    <Base.Item
      onClick={run}
      disabled={disabled}
      className={cx(
        "data-highlighted:bg-hover flex cursor-default items-center gap-2 rounded-md px-2 py-1.5 outline-none data-disabled:opacity-50",
        danger && "text-danger",
      )}
    >
      {icon && <span className="text-muted flex size-4 items-center justify-center">{icon}</span>}
      <span className="min-w-0 flex-1">
        <span className="block truncate">{label}</span>
        {hint && <span className="text-muted block text-xs">{hint}</span>}
      </span>
      {chosen && <Check size={14} className="text-accent" aria-label="chosen" />}
    </Base.Item>
  );
}
