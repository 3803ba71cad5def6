// Two answers to one question, side by side.
import { X } from "lucide-react";
import { useState } from "react";
import { Markdown } from "@/components/markdown/markdown";
import { Button, IconButton } from "@/components/ui/button";
import { Select } from "@/components/ui/field";
import type { Source } from "@/lib/api/events";
import { answerOf, answerText, tokensPerSecond } from "./answer";
import { type Message, branchOf, leafUnder } from "./tree";

interface Props {
  /** The first message of each answer. */
  answers: Message[];
  messages: Message[];
  onCite: (sources: Source[], number: number) => void;
  onChoose: (answer: Message) => void;
  onClose: () => void;
}

export function Compare({ answers, messages, onCite, onChoose, onClose }: Props) {
  const [left, setLeft] = useState(answers.length - 2);
  const [right, setRight] = useState(answers.length - 1);
  return (
    <section aria-label="Answers side by side" className="border-line rounded-xl border p-3">
      <div className="mb-2 flex items-center">
        <h2 className="flex-1 text-sm font-semibold">Side by side</h2>
        <IconButton label="Close the comparison" onClick={onClose}>
          <X size={15} />
        </IconButton>
      </div>
      <div className="grid gap-4 md:grid-cols-2">
        {[
          { at: left, set: setLeft },
          { at: right, set: setRight },
        ].map(({ at, set }, index) => (
          <Column
            key={index}
            {...{ answers, messages, at, set, onCite, onChoose }}
            side={index === 0 ? "left" : "right"}
          />
        ))}
      </div>
    </section>
  );
}

function Column({
  answers,
  messages,
  at,
  set,
  side,
  onCite,
  onChoose,
}: Omit<Props, "onClose"> & { at: number; set: (at: number) => void; side: string }) {
  const first = answers[at];
  if (!first) return null;
  const branch = branchOf(messages, leafUnder(messages, first.id));
  const from = branch.findIndex(({ id }) => id === first.id);
  const next = branch.findIndex(({ role }, index) => index > from && role === "user");
  const answer = answerOf(branch.slice(from, next < 0 ? undefined : next));
  const speed = tokensPerSecond(answer);
  const cited = new Set(answer.sources.map(({ number }) => number));
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex items-center gap-2">
        <Select aria-label={`Answer on the ${side}`} value={at} onChange={(event) => set(Number(event.target.value))}>
          {answers.map((message, index) => (
            <option key={message.id} value={index}>
              {index + 1}: {modelOf(message)}
            </option>
          ))}
        </Select>
        <Button size="sm" onClick={() => onChoose(first)}>
          Use
        </Button>
      </div>
      <Markdown text={answerText(answer)} cited={cited} onCite={(number) => onCite(answer.sources, number)} />
      {speed && <p className="text-muted text-2xs">{speed.toFixed(0)} tokens/s</p>}
    </div>
  );
}

function modelOf(message: Message): string {
  const { model } = message.meta as { model?: string };
  if (message.spans.length > 0 && message.spans.every(({ provenance }) => provenance === "user")) return "your version";
  return model ? (model.split("@")[1] ?? `${model} alone`) : "unknown";
}
