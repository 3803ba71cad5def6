// A number of a check beside its limit: as a bar, and in words.
import { cx } from "@/lib/class-names";
import { visible } from "@/lib/visible";
import { type Measured, heldTo, placesOf, verdict, written } from "./gate-report";

export function MeasuredRow({ number }: { number: Measured }) {
  const { what, value, unit, within } = number;
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
      <span className="text-muted w-36 shrink-0">{visible(what)}</span>
      <Bar number={number} />
      <span className="w-16 shrink-0 text-right font-medium tabular-nums">{written(value, unit)}</span>
      <span className={cx("w-16 shrink-0 font-medium", within ? "text-good" : "text-danger")}>{verdict(number)}</span>
      <span className="text-muted min-w-0 flex-1 basis-44 tabular-nums">{heldTo(number)}</span>
    </div>
  );
}

/** From zero to the number; a dark line is the limit, a thin one what was before. The words beside it say the same. */
function Bar({ number }: { number: Measured }) {
  const { zero, value, limit, before } = placesOf(number);
  const [left, right] = [Math.min(zero, value), Math.max(zero, value)];
  return (
    <span className="bg-hover relative h-2 max-w-48 min-w-24 flex-1 rounded-sm" aria-hidden>
      <span
        className={cx("absolute inset-y-0 min-w-0.5 rounded-sm", number.within ? "bg-good" : "bg-danger")}
        style={{ left: `${left}%`, width: `${right - left}%` }}
      />
      {before !== null && <Mark at={before} className="bg-muted w-px" />}
      <Mark at={limit} className="bg-ink w-0.5" />
    </span>
  );
}

function Mark({ at, className }: { at: number; className: string }) {
  return <span className={cx("absolute -inset-y-1 -translate-x-1/2", className)} style={{ left: `${at}%` }} />;
}
