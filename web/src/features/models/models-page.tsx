// Models: the one that answers, those on disk, and those to fetch with what fits this machine.
import { useQuery } from "@tanstack/react-query";
import { Pause, Play } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Note, Problem, ProgressBar, Spinner } from "@/components/ui/feedback";
import { TextField } from "@/components/ui/field";
import { Page, Row, Rows, Section } from "@/components/ui/page";
import { type Shelf, useShelf } from "@/components/shelf";
import { modelsQuery, serverQuery } from "@/lib/api/queries";
import { bytes, count, parameters } from "@/lib/format";
import { Catalog } from "./catalog";
import { Installed } from "./installed";

export function ModelsPage() {
  const { data: shelf, error, refetch } = useQuery(modelsQuery);
  return (
    <Page
      title="Models"
      about="One model answers at a time, on this machine. A larger one knows more and answers more slowly."
    >
      <Running />
      {error && !shelf && <Problem error={error} onRetry={() => void refetch()} />}
      {!shelf && !error && <Spinner label="Loading the models" />}
      {shelf && (
        <>
          <Pulls shelf={shelf} />
          <Installed shelf={shelf} />
          <Catalog shelf={shelf} />
          <OtherModel />
        </>
      )}
    </Page>
  );
}

function Running() {
  const { data: server } = useQuery(serverQuery);
  if (!server) return null;
  const { loaded } = server;
  const facts = loaded && [
    ["Weights", `${parameters(loaded.parameters)}, ${loaded.quantisation}`],
    ["File", bytes(loaded.file_bytes)],
    ["Window", `${count(server.context ?? 0)} tokens`],
    ["Computed by", loaded.device],
  ];
  return (
    <section className="border-line bg-raised rounded-lg border px-4 py-3.5" aria-label="The model that answers">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <h2 className="text-base font-semibold">{server.model}</h2>
        <span className="text-muted">
          {server.state === "ready"
            ? "answers now"
            : server.state === "loading"
              ? "is being loaded"
              : "could not be loaded"}
        </span>
      </div>
      {server.remote && (
        <Note kind="warn">
          Conversations are answered by {server.remote}, on another server: what you write goes there. Settings changes
          this.
        </Note>
      )}
      {server.state === "failed" && (
        <Problem error={server.reason ?? "The reason is in the server's log."} className="mt-2" />
      )}
      {facts && (
        <dl className="mt-2 grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-4">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt className="text-muted text-xs">{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

function Pulls({ shelf }: { shelf: Shelf }) {
  const { pull, stop } = useShelf();
  const shown = shelf.pulls.filter(({ state }) => state !== "done");
  if (shown.length === 0) return null;
  return (
    <Section title="Being fetched" about="What was stopped or cut off goes on where it was, at any time.">
      <Rows>
        {shown.map((one) => (
          <Row key={one.source} className="flex flex-col gap-2">
            <div className="flex items-center gap-3">
              <span className="min-w-0 flex-1 truncate font-medium">{one.source}</span>
              <span className="text-muted text-xs tabular-nums">
                {one.what} {bytes(one.done)}
                {one.total !== null && ` of ${bytes(one.total)}`}
              </span>
              {one.state === "running" && (
                <Button size="sm" disabled={stop.isPending} onClick={() => stop.mutate(one.source)}>
                  <Pause size={12} /> Stop
                </Button>
              )}
              {one.state === "stopped" && (
                <Button size="sm" disabled={pull.isPending} onClick={() => pull.mutate(one.source)}>
                  <Play size={12} /> Go on
                </Button>
              )}
            </div>
            {one.state === "running" && (
              <ProgressBar share={one.total ? one.done / one.total : 0} label={`Fetching ${one.source}`} />
            )}
            {one.message && one.state === "running" && <p className="text-muted text-xs">{one.message}</p>}
            {one.error && <Problem error={one.error} onRetry={() => pull.mutate(one.source)} />}
          </Row>
        ))}
      </Rows>
    </Section>
  );
}

function OtherModel() {
  const { pull } = useShelf();
  const [name, setName] = useState("");
  return (
    <Section
      title="Another model"
      about="Any checkpoint of a supported architecture (llama, qwen2, qwen3) on Hugging Face. It is checked, and imported into one file."
    >
      <form
        className="flex flex-wrap items-end gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) pull.mutate(name.trim(), { onSuccess: () => setName("") });
        }}
      >
        <div className="min-w-60 flex-1">
          <TextField
            label="Where it is"
            placeholder="hf:OWNER/REPO or hf:OWNER/REPO/FILE.gguf"
            value={name}
            onText={setName}
          />
        </div>
        <Button type="submit" disabled={!name.trim() || pull.isPending}>
          Fetch
        </Button>
      </form>
    </Section>
  );
}
