// Web search: who is asked, a try, and what it has cost.
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Badge, Note, Problem } from "@/components/ui/feedback";
import { Field, Select, Switch, TextField } from "@/components/ui/field";
import { Section } from "@/components/ui/page";
import { api, unwrap } from "@/lib/api/client";
import { plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { outgoingQuery } from "./outgoing";
import { type Settings, useChangeSettings } from "./queries";

export function WebSearch({ settings }: { settings: Settings }) {
  const change = useChangeSettings();
  const [key, setKey] = useState("");
  const [keyless, setKeyless] = useState(settings.tavily_keyless);
  const [searxng, setSearxng] = useState(settings.searxng_url ?? "");
  const [first, setFirst] = useState(settings.providers[0] ?? "tavily");
  const environment = (name: string) => settings.from_environment.includes(name);
  const save = () =>
    change.mutate(
      {
        ...(key && { tavily_key: key }),
        tavily_keyless: keyless,
        searxng_url: environment("SEARXNG_URL") ? undefined : searxng.trim(),
        providers: first === "tavily" ? ["tavily", "searxng"] : ["searxng", "tavily"],
      },
      { onSuccess: () => setKey("") },
    );
  return (
    <Section
      title="Web search"
      about="Off until you set one of these up. Each search is shown before it goes out, unless you allow them all."
    >
      {settings.offline && (
        <Note kind="warn">hone was started offline: nothing leaves this machine, whatever is set here.</Note>
      )}
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            label="Tavily key"
            help={
              environment("TAVILY_API_KEY")
                ? "It comes from TAVILY_API_KEY."
                : "Kept in the settings' file, which only you can read. It is never shown again."
            }
            type="password"
            autoComplete="off"
            placeholder={settings.tavily_key ? "A key is set" : "tvly-…"}
            disabled={environment("TAVILY_API_KEY")}
            value={key}
            onText={setKey}
          />
          <TextField
            label="SearXNG address"
            help={environment("SEARXNG_URL") ? "It comes from SEARXNG_URL." : "An instance of your own."}
            type="url"
            placeholder="http://127.0.0.1:8888"
            disabled={environment("SEARXNG_URL")}
            value={searxng}
            onText={setSearxng}
          />
          <Field label="Asked first">
            {(id) => (
              <Select id={id} value={first} onChange={(event) => setFirst(event.target.value)}>
                <option value="tavily">Tavily</option>
                <option value="searxng">SearXNG</option>
              </Select>
            )}
          </Field>
          <div className="self-end pb-1">
            <Switch
              label="Tavily without a key"
              help="As a guest, with few searches"
              checked={keyless}
              onChange={setKeyless}
            />
          </div>
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <Button kind="primary" type="submit" disabled={change.isPending}>
            Save
          </Button>
          {settings.tavily_key && !environment("TAVILY_API_KEY") && (
            <Button kind="danger" onClick={() => change.mutate({ tavily_key: "" })}>
              Remove the key
            </Button>
          )}
        </div>
      </form>
      <Try />
      <Credits />
    </Section>
  );
}

function Try() {
  const tried = useMutation({
    mutationFn: () => unwrap(api.POST("/api/web/try", { body: { query: "latest stable Rust version" } })),
  });
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-3">
        <Button disabled={tried.isPending} onClick={() => tried.mutate()}>
          {tried.isPending ? "Searching" : "Try a search"}
        </Button>
        <span className="text-muted text-xs">Sends “latest stable Rust version” to the provider.</span>
      </div>
      {tried.error && <Problem error={tried.error} />}
      {tried.data && (
        <Note>
          {tried.data.provider} answers{tried.data.cached && " (from the cache, nothing was sent)"}:{" "}
          {tried.data.titles.map(visible).join(" · ") || "nothing was found"}
          {tried.data.credits !== null && ` · ${plural(tried.data.credits, "credit")}`}
          {tried.data.notices.map((notice) => ` · ${visible(notice)}`)}
        </Note>
      )}
    </div>
  );
}

function Credits() {
  const requests = useQuery(outgoingQuery).data ?? [];
  const month = new Date().toISOString().slice(0, 7);
  const now = requests.filter(({ time, credits }) => time.startsWith(month) && credits > 0);
  if (now.length === 0) return null;
  const credits = now.reduce((sum, request) => sum + request.credits, 0);
  return (
    <p className="flex items-center gap-2">
      <Badge kind="accent">{plural(Math.round(credits * 10) / 10, "credit")}</Badge> this month, in{" "}
      {plural(now.length, "search", "searches")} of the last {requests.length} requests
    </p>
  );
}
