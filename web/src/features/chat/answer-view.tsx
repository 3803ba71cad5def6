// An answer: what it was made from, its steps, and how it ended.
import { BookMarked, Code2, FileText, Globe, MessageCircle, Search } from "lucide-react";
import { type ReactElement, useMemo } from "react";
import { Markdown } from "@/components/markdown/markdown";
import { Button } from "@/components/ui/button";
import { Note, Problem, ProgressBar, Spinner } from "@/components/ui/feedback";
import { Menu } from "@/components/ui/menu";
import { tell, tellError } from "@/components/ui/toast";
import type { Intent } from "@/lib/api/events";
import { visible } from "@/lib/visible";
import { type Answer, leftOutText } from "./answer";
import { allow, correctIntent } from "./queries";
import { ToolStep } from "./tool-step";

interface Props {
  answer: Answer;
  /** The turn, while it goes on. */
  turn: string | null;
  connected: boolean;
  question: string;
  busy: boolean;
  onCite: (number: number) => void;
  onKeep?: (code: string) => Promise<unknown>;
  onIntent?: (intent: Intent) => void;
}

export function AnswerView({ answer, turn, connected, question, busy, onCite, onKeep, onIntent }: Props) {
  const cited = useMemo(() => new Set(answer.sources.map(({ number }) => number)), [answer.sources]);
  const left = leftOutText(answer.leftOut);
  const writing = turn !== null && answer.steps.at(-1);
  return (
    <div className="flex flex-col gap-2.5" aria-busy={turn !== null}>
      <MadeFrom answer={answer} question={question} onCite={onCite} onIntent={busy ? undefined : onIntent} />
      {answer.searching && <Searching searching={answer.searching} turn={turn} />}
      {turn && answer.steps.length === 0 && <Waiting answer={answer} />}
      {answer.steps.map((step, index) => (
        <div
          key={index}
          className={writing === step && !step.usage ? "caret-inside flex flex-col gap-2" : "flex flex-col gap-2"}
        >
          {step.text && <Markdown text={step.text} cited={cited} onCite={onCite} onKeep={onKeep} />}
          {step.calls.map((view) => (
            <ToolStep key={view.call.id} view={view} turn={turn} />
          ))}
        </div>
      ))}
      {!connected && (
        <Note kind="warn">The connection to hone broke. This page goes on where it was as soon as hone is back.</Note>
      )}
      {answer.notices.map((notice, index) => (
        <Note key={index}>{visible(notice)}</Note>
      ))}
      {left && <Note>{left}</Note>}
      {answer.state === "failed" && <Problem error={answer.error ?? "The answer failed."} />}
      {answer.state === "interrupted" && (
        <Note kind="warn">
          hone ended while this was being answered. What was said until then is here; ask again, or go on from it.
        </Note>
      )}
      {answer.state === "stopped" && <p className="text-muted text-xs">Stopped.</p>}
      {answer.finish === "length" && <p className="text-muted text-xs">The answer reached its greatest length.</p>}
    </div>
  );
}

function Waiting({ answer }: { answer: Answer }) {
  const { reading } = answer;
  if (!reading || reading.total === 0) {
    return (
      <div className="text-muted flex items-center gap-2 text-xs">
        <Spinner label="Waiting for the answer" /> Looking for what bears on it
      </div>
    );
  }
  return (
    <div className="text-muted flex max-w-xs flex-col gap-1 text-xs">
      Reading {reading.done} of {reading.total} tokens
      <ProgressBar share={reading.done / reading.total} label="Reading the question" />
    </div>
  );
}

const INTENTS: Record<Intent, { label: string; icon: ReactElement }> = {
  code: { label: "Code", icon: <Code2 size={12} /> },
  search: { label: "Search", icon: <Search size={12} /> },
  chat: { label: "Chat", icon: <MessageCircle size={12} /> },
};
const CHIP =
  "border-line text-muted hover:bg-hover hover:text-ink inline-flex h-5.5 items-center gap-1 rounded-full border px-2 text-2xs font-medium";

function MadeFrom({
  answer,
  question,
  onCite,
  onIntent,
}: {
  answer: Answer;
  question: string;
  onCite: (number: number) => void;
  onIntent?: (intent: Intent) => void;
}) {
  const { intent, rules, sources } = answer;
  if (!intent && rules.length === 0 && sources.length === 0) return null;
  const correct = (meant: Intent) => {
    void correctIntent(question, meant)
      .then(() => tell(`Messages like this one are read as “${INTENTS[meant].label}” from now on.`))
      .catch(tellError);
    onIntent?.(meant);
  };
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      {intent && (
        <Menu
          trigger={
            <button type="button" className={CHIP} aria-label={`Read as ${INTENTS[intent.intent].label}; correct this`}>
              {INTENTS[intent.intent].icon} {INTENTS[intent.intent].label}
            </button>
          }
          groups={[
            {
              heading: `How hone read this (${Math.round(intent.confidence * 100)} % sure). Correct it and ask again:`,
              entries: (Object.keys(INTENTS) as Intent[]).map((name) => ({
                ...INTENTS[name],
                chosen: name === intent.intent,
                disabled: !onIntent,
                run: () => name !== intent.intent && correct(name),
              })),
            },
          ]}
        />
      )}
      {rules.length > 0 && (
        <Menu
          trigger={
            <button type="button" className={CHIP}>
              <BookMarked size={12} /> {rules.length === 1 ? "1 rule" : `${rules.length} rules`}
            </button>
          }
          groups={[
            {
              heading: "Rules in this prompt",
              entries: rules.map((rule) => ({ label: visible(rule.text), run: () => undefined })),
            },
          ]}
        />
      )}
      {sources.length > 0 && (
        <button type="button" className={CHIP} onClick={() => onCite(sources[0]?.number ?? 1)}>
          {sources.some(({ origin }) => origin === "web") ? <Globe size={12} /> : <FileText size={12} />}
          {sources.length === 1 ? "1 source" : `${sources.length} sources`}
        </button>
      )}
    </div>
  );
}

function Searching({ searching, turn }: { searching: { query: string; asks: boolean }; turn: string | null }) {
  const answer = (yes: boolean) => turn && void allow(turn, "search", yes).catch(tellError);
  if (searching.asks && turn) {
    return (
      <Note
        action={
          <span className="flex gap-1.5">
            <Button size="sm" onClick={() => answer(false)}>
              No
            </Button>
            <Button size="sm" kind="primary" onClick={() => answer(true)}>
              Search
            </Button>
          </span>
        }
      >
        Search the web for this? These words leave your machine: <b className="text-ink">{visible(searching.query)}</b>
      </Note>
    );
  }
  return <p className="text-muted text-xs">Searched the web for “{visible(searching.query)}”</p>;
}
