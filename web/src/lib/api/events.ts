// What the server tells while a message is answered. The document calls these events; this is what is in them.
export type Intent = "code" | "search" | "chat";
export type Provenance = "user" | "model" | "file" | "web" | "tool" | "rule" | "remote";

export interface Judgement {
  intent: Intent;
  confidence: number;
  needs_code: boolean;
}

export interface UsedRule {
  id: string;
  text: string;
}

export interface Source {
  number: number;
  origin: Provenance;
  place: string;
  title: string;
  root?: string;
  why?: { words: number | null; vectors: number | null; matched: string[]; similarity: number | null };
}

export type LeftOut = Partial<Record<"rules" | "passages" | "web" | "history" | "results" | "cut", number>>;

export interface ToolCall {
  id: string;
  name: string;
  arguments: unknown;
}

export interface Usage {
  prompt_tokens: number;
  cached_tokens: number;
  completion_tokens: number;
}

export interface Timings {
  queued_ms: number;
  prefill_ms: number;
  decode_ms: number;
}

export type Finish = "stop" | "tool_calls" | "length" | "cancelled";

export type TurnEvent =
  | { type: "begun"; turn: string; chat: string; question: string }
  | ({ type: "intent"; corrected: boolean } & Judgement)
  | { type: "searching"; query: string; asks: boolean }
  | { type: "rules"; rules: UsedRule[] }
  | { type: "sources"; sources: Source[] }
  | ({ type: "left_out" } & LeftOut)
  | { type: "notice"; text: string }
  | { type: "reading"; done: number; total: number }
  | { type: "text"; text: string; origin: Provenance }
  | ({ type: "tool_call"; asks: boolean } & ToolCall)
  | { type: "tool_result"; id: string; ok: boolean; text: string; ms: number }
  | { type: "answered"; step: number; usage: Usage; timings: Timings }
  | { type: "done"; finish: Finish; cited: number[]; steps: number }
  | { type: "failed"; message: string }
  | { type: "kept"; message: string };
