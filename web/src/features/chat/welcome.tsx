// An empty conversation: what can be asked, and on a new machine the model that fits it.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button } from "@/components/ui/button";
import { Note, Spinner } from "@/components/ui/feedback";
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

/** While the starter model answers: the largest coder that this machine holds. */
function BetterModel() {
  const models = useQuery(modelsQuery).data;
  const [hidden, setHidden] = useRemembered<string>("better-model.hidden", "");
  const better = models?.catalog.find(({ name }) => name === models.recommended);
  const onStarter = models?.current === models?.starter;
  if (!models || !better || !onStarter || hidden || models.installed.some(({ name }) => name === better.name))
    return null;
  return (
    <Note
      action={
        <span className="flex shrink-0 gap-1.5">
          <Button size="sm" kind="ghost" onClick={() => setHidden("yes")}>
            Later
          </Button>
          <Link
            to="/models"
            className="bg-accent text-on-accent inline-flex h-7 items-center rounded-md px-2 text-xs font-medium hover:brightness-110"
          >
            See models
          </Link>
        </span>
      }
    >
      The starter model is small: it answers fast and knows little. With {bytes(models.memory_bytes)} of memory this
      machine runs <b className="text-ink">{better.name}</b> ({parameters(better.parameters)} weights,{" "}
      {bytes(better.bytes)} to download).
    </Note>
  );
}
