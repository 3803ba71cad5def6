// A model elsewhere that answers conversations instead of the one on this machine.
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Note } from "@/components/ui/feedback";
import { TextField } from "@/components/ui/field";
import { Section } from "@/components/ui/page";
import { type Settings, useChangeSettings } from "./queries";

export function Elsewhere({ settings }: { settings: Settings }) {
  const change = useChangeSettings();
  const [url, setUrl] = useState(settings.remote_url ?? "");
  const [model, setModel] = useState(settings.remote_model ?? "");
  const [key, setKey] = useState("");
  return (
    <Section
      title="A model elsewhere"
      about="Any server that speaks the OpenAI API: vLLM, llama-server, Ollama. Its answers are never trained on."
    >
      {settings.remote_url && (
        <Note kind="warn">Conversations, with the code in them, are sent to {settings.remote_url}.</Note>
      )}
      <form
        className="grid gap-4 sm:grid-cols-3"
        onSubmit={(event) => {
          event.preventDefault();
          const elsewhere = { remote_url: url.trim(), remote_model: model.trim(), ...(key && { remote_key: key }) };
          change.mutate(elsewhere, { onSuccess: () => setKey("") });
        }}
      >
        <TextField label="Base URL" type="url" placeholder="http://127.0.0.1:8080/v1" value={url} onText={setUrl} />
        <TextField label="Model there" placeholder="qwen2.5-coder-32b" value={model} onText={setModel} />
        <TextField
          label="Key"
          type="password"
          autoComplete="off"
          placeholder={settings.remote_key ? "A key is set" : "none"}
          value={key}
          onText={setKey}
        />
        <div className="flex gap-2 sm:col-span-3">
          <Button kind="primary" type="submit" disabled={change.isPending || !url.trim() || !model.trim()}>
            Answer there
          </Button>
          {settings.remote_url && (
            <Button disabled={change.isPending} onClick={() => change.mutate({ remote_url: "" })}>
              Answer here again
            </Button>
          )}
        </div>
      </form>
    </Section>
  );
}
