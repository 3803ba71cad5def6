// What can be done with an answer, and what it has cost.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Columns2, Copy, Ellipsis, Pencil, RefreshCw, StepForward, ThumbsDown, ThumbsUp } from "lucide-react";
import { Button, IconButton } from "@/components/ui/button";
import { Menu } from "@/components/ui/menu";
import { tell, tellError } from "@/components/ui/toast";
import { copyText } from "@/lib/clipboard";
import { adaptersQuery } from "@/lib/api/queries";
import { count, duration } from "@/lib/format";
import { type Answer, answerText, tokensPerSecond, windowTokens } from "./answer";
import { type Say, judge } from "./queries";
import type { Message } from "./tree";
import { Versions } from "./versions";

interface Props {
  answer: Answer;
  message: Message;
  chat: string;
  thumb: "up" | "down" | null;
  versions: Message[];
  current: Message | undefined;
  context: number | null;
  busy: boolean;
  onShow: (message: Message) => void;
  onAgain: (how: Partial<Say>) => void;
  onContinue?: () => void;
  onEdit: () => void;
  onCompare?: () => void;
}

export function AnswerActions(props: Props) {
  const { answer, message, chat, thumb, versions, current, busy, onShow, onAgain, onContinue, onEdit, onCompare } =
    props;
  const client = useQueryClient();
  const adapters = useQuery(adaptersQuery).data?.adapters ?? [];
  const give = (kind: "up" | "down") => {
    const later = () => client.invalidateQueries({ queryKey: ["chat", chat] });
    void judge(message.id, kind).then(later).catch(tellError);
  };
  const unfinished = answer.finish === "length" || answer.state === "stopped" || answer.state === "interrupted";
  const copy = () => void copyText(answerText(answer)).then(() => tell("The answer is in the clipboard."), tellError);
  return (
    <div className="flex flex-wrap items-center gap-x-0.5 gap-y-1">
      <Versions versions={versions} current={current} onShow={onShow} busy={busy} what="answer" />
      <IconButton label="Good answer" aria-pressed={thumb === "up"} onClick={() => give("up")}>
        <ThumbsUp size={14} />
      </IconButton>
      <IconButton label="Bad answer" aria-pressed={thumb === "down"} onClick={() => give("down")}>
        <ThumbsDown size={14} />
      </IconButton>
      <IconButton label="Copy the answer" onClick={copy}>
        <Copy size={14} />
      </IconButton>
      <IconButton label="Edit the answer" disabled={busy} onClick={onEdit}>
        <Pencil size={14} />
      </IconButton>
      <IconButton label="Answer again" disabled={busy} onClick={() => onAgain({})}>
        <RefreshCw size={14} />
      </IconButton>
      {onCompare && (
        <IconButton label="Compare the answers side by side" onClick={onCompare}>
          <Columns2 size={14} />
        </IconButton>
      )}
      <Menu
        trigger={
          <IconButton label="More ways to answer">
            <Ellipsis size={14} />
          </IconButton>
        }
        groups={[
          {
            heading: "Answer again",
            entries: [
              {
                label: "By the model alone",
                hint: "Without any adapter",
                disabled: busy,
                run: () => onAgain({ adapter: "base" }),
              },
              ...adapters.map(({ id, name }) => ({
                label: `With the adapter ${name}`,
                hint: id,
                disabled: busy,
                run: () => onAgain({ adapter: id }),
              })),
              {
                label: "Most likely words",
                hint: "Temperature 0",
                disabled: busy,
                run: () => onAgain({ temperature: 0 }),
              },
              {
                label: "With tools",
                hint: "Offers the model search and file reading",
                disabled: busy,
                run: () => onAgain({ tools: true }),
              },
            ],
          },
        ]}
      />
      {onContinue && unfinished && (
        <Button size="sm" disabled={busy} onClick={onContinue}>
          <StepForward size={13} /> Continue
        </Button>
      )}
      <Cost {...props} />
    </div>
  );
}

function Cost({ answer, context }: Props) {
  const speed = tokensPerSecond(answer);
  const used = windowTokens(answer);
  const first = answer.steps[0]?.timings;
  const parts = [
    answer.model?.includes("@") && answer.model.split("@")[1],
    speed && `${speed.toFixed(speed < 10 ? 1 : 0)} tokens/s`,
    first && `first token ${duration((first.queued_ms + first.prefill_ms) / 1000)}`,
  ].filter(Boolean);
  return (
    <span className="text-muted ml-auto flex items-center gap-2.5 pl-2 text-2xs tabular-nums">
      <span>{parts.join(" · ")}</span>
      {used !== null && context !== null && <ContextMeter used={used} context={context} />}
    </span>
  );
}

function ContextMeter({ used, context }: { used: number; context: number }) {
  const share = Math.min(1, used / context);
  const title = `${count(used)} of ${count(context)} tokens of the model's window`;
  return (
    <span className="flex items-center gap-1" title={title} role="img" aria-label={title}>
      <svg viewBox="0 0 20 20" className="size-3.5 -rotate-90" aria-hidden>
        <circle cx="10" cy="10" r="8" fill="none" strokeWidth="3.5" className="stroke-line" />
        <circle
          cx="10"
          cy="10"
          r="8"
          fill="none"
          strokeWidth="3.5"
          strokeDasharray={`${share * 50.3} 50.3`}
          className={share > 0.85 ? "stroke-warn" : "stroke-accent"}
        />
      </svg>
      {Math.round(share * 100)} %
    </span>
  );
}
