// An answer as it is shown, made from the events of a turn that goes on, or from the messages of one that was kept.
import type {
  Finish,
  Judgement,
  LeftOut,
  Provenance,
  Source,
  Timings,
  ToolCall,
  TurnEvent,
  Usage,
  UsedRule,
} from "@/lib/api/events";
import { type Message, textOf } from "./tree";

export interface CallView {
  call: ToolCall;
  /** Waits for the user's consent. */
  asks: boolean;
  result?: { ok: boolean; text: string; ms?: number };
}

/** One answer of the model. */
export interface Step {
  text: string;
  origin: Provenance;
  calls: CallView[];
  usage?: Usage;
  timings?: Timings;
}

export interface Answer {
  state: "streaming" | "complete" | "stopped" | "failed" | "interrupted";
  intent?: Judgement & { corrected?: boolean };
  rules: UsedRule[];
  sources: Source[];
  leftOut: LeftOut;
  notices: string[];
  /** A web search before the answer, and whether it waits for consent. */
  searching?: { query: string; asks: boolean };
  reading?: { done: number; total: number };
  steps: Step[];
  finish?: Finish;
  error?: string;
  /** `name`, `name@adapter`. */
  model?: string;
}

const emptyStep = (): Step => ({ text: "", origin: "model", calls: [] });

export function emptyAnswer(state: Answer["state"] = "streaming"): Answer {
  return { state, rules: [], sources: [], leftOut: {}, notices: [], steps: [] };
}

/** The answer after one more event. What did not change is the same object. */
export function fold(answer: Answer, event: TurnEvent): Answer {
  switch (event.type) {
    case "intent":
      return { ...answer, intent: event };
    case "searching":
      return { ...answer, searching: { query: event.query, asks: event.asks } };
    case "rules":
      return { ...answer, rules: event.rules };
    case "sources":
      return { ...answer, sources: [...answer.sources, ...event.sources], searching: settled(answer) };
    case "left_out": {
      const { type: _, ...leftOut } = event;
      return { ...answer, leftOut };
    }
    case "notice":
      return { ...answer, notices: [...answer.notices, event.text] };
    case "reading":
      return { ...answer, reading: { done: event.done, total: event.total }, searching: settled(answer) };
    case "text":
      return {
        ...withOpenStep(answer, (step) => ({ ...step, text: step.text + event.text, origin: event.origin })),
        reading: undefined,
      };
    case "tool_call": {
      const call = { id: event.id, name: event.name, arguments: event.arguments };
      return withOpenStep(answer, (step) => ({ ...step, calls: [...step.calls, { call, asks: event.asks }] }), true);
    }
    case "tool_result":
      return withResult(answer, event.id, { ok: event.ok, text: event.text, ms: event.ms });
    case "answered":
      return withOpenStep(answer, (step) => ({ ...step, usage: event.usage, timings: event.timings }), true);
    case "done":
      return { ...answer, state: event.finish === "cancelled" ? "stopped" : "complete", finish: event.finish };
    case "failed":
      return { ...answer, state: "failed", error: event.message };
    case "begun":
    case "kept":
      return answer;
  }
}

const settled = (answer: Answer) => answer.searching && { ...answer.searching, asks: false };

/** Changes the step that is being written; one that has been answered is over, unless `also` ended ones are meant. */
function withOpenStep(answer: Answer, change: (step: Step) => Step, also = false): Answer {
  const last = answer.steps.at(-1);
  if (last && (also || !last.usage)) return { ...answer, steps: [...answer.steps.slice(0, -1), change(last)] };
  return { ...answer, steps: [...answer.steps, change(emptyStep())] };
}

function withResult(answer: Answer, id: string, result: CallView["result"]): Answer {
  const add = (view: CallView) => (view.call.id === id ? { ...view, asks: false, result } : view);
  return { ...answer, steps: answer.steps.map((step) => ({ ...step, calls: step.calls.map(add) })) };
}

interface Meta {
  intent?: Judgement & { corrected?: boolean };
  rules?: UsedRule[];
  sources?: Source[];
  left_out?: LeftOut;
  model?: string;
  finish?: Finish;
  usage?: Usage;
  timings?: Timings;
  calls?: ToolCall[];
  error?: string;
  call_id?: string;
  ok?: boolean;
}

/** The answer that kept messages are. */
export function answerOf(replies: Message[]): Answer {
  let answer = emptyAnswer("complete");
  for (const message of replies) {
    const meta = message.meta as Meta;
    answer.sources = [...answer.sources, ...(meta.sources ?? [])];
    if (message.role === "tool") {
      answer = withResult(answer, meta.call_id ?? "", { ok: meta.ok ?? true, text: textOf(message) });
      continue;
    }
    answer.steps.push({
      text: textOf(message),
      origin: (message.spans.at(-1)?.provenance as Provenance | undefined) ?? "model",
      calls: (meta.calls ?? []).map((call) => ({ call, asks: false })),
      usage: meta.usage,
      timings: meta.timings,
    });
    answer.intent ??= meta.intent;
    answer.rules = answer.rules.length ? answer.rules : (meta.rules ?? []);
    answer.leftOut = { ...answer.leftOut, ...meta.left_out };
    answer.state = message.state as Answer["state"];
    answer.finish = meta.finish;
    answer.error = meta.error;
    answer.model = meta.model ?? answer.model;
  }
  return answer;
}

export function answerText(answer: Answer): string {
  return answer.steps
    .map((step) => step.text)
    .filter(Boolean)
    .join("\n\n");
}

/** Tokens in the window after the last answer. */
export function windowTokens(answer: Answer): number | null {
  const usage = answer.steps.findLast((step) => step.usage)?.usage;
  return usage ? usage.prompt_tokens + usage.completion_tokens : null;
}

/** Tokens in a second over all steps. */
export function tokensPerSecond(answer: Answer): number | null {
  let [tokens, ms] = [0, 0];
  for (const { usage, timings } of answer.steps) {
    if (!usage || !timings) continue;
    tokens += usage.completion_tokens;
    ms += timings.decode_ms;
  }
  return ms > 0 && tokens > 1 ? (tokens * 1000) / ms : null;
}

/** Why part of what was asked did not reach the model, in words. */
export function leftOutText(leftOut: LeftOut): string | null {
  const names: [keyof LeftOut, string][] = [
    ["history", "earlier messages"],
    ["passages", "passages"],
    ["web", "web results"],
    ["rules", "rules"],
    ["results", "tool results"],
  ];
  const parts = names.flatMap(([key, name]) => (leftOut[key] ? [`${leftOut[key]} ${name}`] : []));
  if (leftOut.cut) parts.push("the end of a long text");
  return parts.length ? `Did not fit into the model's window: ${parts.join(", ")}.` : null;
}
