// An empty conversation: what can be asked, and on a new machine the model that fits it.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useShelf } from "@/components/shelf";
import { Button } from "@/components/ui/button";
import { Note, Problem, ProgressBar, Spinner } from "@/components/ui/feedback";
import { modelsQuery, serverQuery } from "@/lib/api/queries";
import { bytes, parameters } from "@/lib/format";
import { remember, useRemembered } from "@/lib/storage";

const EXAMPLES = [
  "Write a Python function that parses ISO 8601 durations, with tests.",
  "Explain what git rebase --onto does, with an example.",
  "Review this function for bugs:",
  "Write a regular expression for IPv4 addresses, and explain it.",
];

export function Welcome() {
  const server = useQuery(serverQuery).data;
  return (
    <div className="mx-auto flex min-h-full max-w-2xl flex-col justify-center gap-6 px-4 py-10">
      <div className="text-center">
        <h1 className="text-2xl font-semibold tracking-tight">What are you working on?</h1>
        <p className="text-muted mt-1.5 text-base">Everything stays on this machine.</p>
      </div>
      {server?.state === "loading" && (
        <p className="text-muted flex items-center justify-center gap-2">
          <Spinner label="Loading" /> {server.model} is being loaded
        </p>
      )}
      <ul className="grid gap-2 sm:grid-cols-2" aria-label="Examples">
        {EXAMPLES.map((example) => (
          <li key={example}>
            <button
              type="button"
              onClick={() => fill(example)}
              className="border-line bg-raised hover:bg-hover text-muted hover:text-ink h-full w-full rounded-lg border px-3 py-2.5 text-left transition-colors"
            >
              {example}
            </button>
          </li>
        ))}
      </ul>
      <BetterModel />
    </div>
  );
}

/** Puts an example into the composer, to be changed or sent. */
function fill(text: string) {
  const box = document.getElementById("composer");
  if (!(box instanceof HTMLTextAreaElement)) return;
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value")?.set?.call(box, text);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
  remember("draft.new", text);
}

/** While the starter model answers: the largest coder that this machine holds, fetched and put in use from here. */
function BetterModel() {
  const models = useQuery(modelsQuery).data;
  const { pull, stop, use } = useShelf();
  const [hidden, setHidden] = useRemembered<string>("better-model.hidden", "");
  const better = models?.catalog.find(({ name }) => name === models.recommended);
  if (!models || !better || hidden || models.current !== models.starter) return null;
  const { name } = better;
  if (models.installed.some((model) => model.name === name)) {
    return (
      <Note
        action={
          <Button size="sm" kind="primary" disabled={use.isPending} onClick={() => use.mutate(name)}>
            Use it
          </Button>
        }
      >
        <b className="text-ink">{name}</b> is on this machine and ready to answer.
      </Note>
    );
  }
  const going = models.pulls.find((one) => one.source === name);
  if (going?.state === "running") {
    return (
      <Note
        action={
          <Button size="sm" disabled={stop.isPending} onClick={() => stop.mutate(name)}>
            Stop
          </Button>
        }
      >
        Fetching <b className="text-ink">{name}</b>: {bytes(going.done)} of {bytes(going.total ?? better.bytes)}. You
        can ask the starter model meanwhile.
        <div className="mt-2">
          <ProgressBar share={going.done / (going.total ?? better.bytes)} label={`Fetching ${name}`} />
        </div>
      </Note>
    );
  }
  return (
    <div className="flex flex-col gap-2">
      <Note
        action={
          <span className="flex shrink-0 flex-wrap justify-end gap-1.5">
            <Button size="sm" kind="ghost" onClick={() => setHidden("yes")}>
              Later
            </Button>
            <Button size="sm" kind="primary" disabled={pull.isPending} onClick={() => pull.mutate(name)}>
              <Download size={13} /> {going ? "Go on" : `Fetch ${bytes(better.bytes)}`}
            </Button>
          </span>
        }
      >
        The starter model is small: it answers fast and knows little. With {bytes(models.memory_bytes)} of memory this
        machine runs <b className="text-ink">{name}</b> ({parameters(better.parameters)} weights). Others are under{" "}
        <Link to="/models" className="text-accent underline underline-offset-2">
          Models
        </Link>
        .
      </Note>
      {going?.error && <Problem error={going.error} />}
    </div>
  );
}
