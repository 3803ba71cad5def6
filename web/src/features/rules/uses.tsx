// Where a rule was used: the conversations whose answers had it.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Spinner } from "@/components/ui/feedback";
import { ago, plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { usesQuery } from "./queries";

export function Uses({ rule }: { rule: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="mt-1 text-xs" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="text-muted w-fit">Where it was used</summary>
      {open && <List rule={rule} />}
    </details>
  );
}

function List({ rule }: { rule: string }) {
  const { data, error } = useQuery(usesQuery(rule));
  if (error) return <p className="text-danger mt-1.5">{error.message}</p>;
  if (!data) return <Spinner label="Looking for its uses" />;
  if (data.count === 0) return <p className="text-muted mt-1.5">In no answer so far.</p>;
  const more = data.count - data.uses.length;
  return (
    <div className="mt-1.5 flex flex-col gap-1">
      <p className="text-muted">In {plural(data.count, "answer")}:</p>
      <ul className="flex flex-col gap-1">
        {data.uses.map(({ chat, title, message, time }) => (
          <li key={message} className="flex min-w-0 gap-2">
            <Link to="/c/$chat" params={{ chat }} className="text-accent truncate underline underline-offset-2">
              {visible(title) || "Untitled"}
            </Link>
            <span className="text-muted whitespace-nowrap">{ago(time)}</span>
          </li>
        ))}
      </ul>
      {more > 0 && <p className="text-muted">and {plural(more, "earlier one")}</p>}
    </div>
  );
}
