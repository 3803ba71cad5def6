// How hone answers: instruction, randomness, lengths, threads.
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Field, TextField, Textarea } from "@/components/ui/field";
import { Section } from "@/components/ui/page";
import { type Settings, useChangeSettings } from "./queries";

export function Answers({ settings }: { settings: Settings }) {
  const change = useChangeSettings();
  const [system, setSystem] = useState(settings.system ?? "");
  const [temperature, setTemperature] = useState(settings.temperature?.toString() ?? "");
  const [maxTokens, setMaxTokens] = useState(settings.max_tokens?.toString() ?? "");
  const [context, setContext] = useState(settings.context?.toString() ?? "");
  const [threads, setThreads] = useState(settings.threads?.toString() ?? "");
  const numbers = [
    {
      label: "Randomness",
      value: temperature,
      set: setTemperature,
      help: "0 to 2; empty is 0.7 or so, as the model's makers say",
      step: "0.1",
    },
    {
      label: "Longest answer",
      value: maxTokens,
      set: setMaxTokens,
      help: "Tokens; empty is a quarter of the window, 2,048 at most",
      step: "1",
    },
    {
      label: "Window",
      value: context,
      set: setContext,
      help: "Tokens of a conversation; empty is what suits the machine",
      step: "1",
    },
    { label: "Threads", value: threads, set: setThreads, help: "That compute; empty is all cores", step: "1" },
  ];
  const save = () =>
    change.mutate({
      system: system.trim(),
      temperature: temperature === "" ? -1 : Number(temperature),
      max_tokens: Number(maxTokens || 0),
      context: Number(context || 0),
      threads: Number(threads || 0),
    });
  return (
    <Section title="Answers">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <Field label="Instruction" help="Goes before every conversation. Lasting demands are better kept as rules.">
          {(id) => (
            <Textarea
              id={id}
              value={system}
              onChange={(event) => setSystem(event.target.value)}
              placeholder="hone's own"
            />
          )}
        </Field>
        <div className="grid gap-4 sm:grid-cols-2">
          {numbers.map(({ label, value, set, help, step }) => (
            <TextField
              key={label}
              label={label}
              help={help}
              type="number"
              min="0"
              step={step}
              value={value}
              onText={set}
            />
          ))}
        </div>
        <Button kind="primary" type="submit" disabled={change.isPending} className="self-start">
          Save
        </Button>
      </form>
    </Section>
  );
}
