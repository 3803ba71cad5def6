import { describe, expect, it } from "vitest";
import type { TurnEvent } from "@/lib/api/events";
import { type Answer, answerOf, emptyAnswer, fold, leftOutText, tokensPerSecond, windowTokens } from "./answer";
import { splitAttachments, withAttachments } from "./attachments";
import { grouped } from "./chat-list";
import { batches, conversationsOf } from "./exchange-files";
import type { Chat } from "./queries";
import { type Message, ShownBranch, branchOf, exchangesOf, leafUnder, versionsOf } from "./tree";

let clock = 0;
const message = (id: string, parent: string | null, role: Message["role"], text = id, meta: object = {}): Message => ({
  id,
  chat: "c",
  parent,
  role,
  state: "complete",
  spans: [{ text, provenance: role === "user" ? "user" : "model" }],
  meta: meta as Message["meta"],
  created: `2026-11-27T10:00:${String(clock++).padStart(2, "0")}Z`,
});

/** q1 has two answers; below the first, q2 was edited once. */
const TREE = [
  message("q1", null, "user"),
  message("a1", "q1", "assistant"),
  message("a1b", "q1", "assistant"),
  message("q2", "a1", "user"),
  message("a2", "q2", "assistant"),
  message("q2b", "a1", "user"),
  message("a2b", "q2b", "assistant"),
];

describe("tree", () => {
  const ids = (messages: Message[]) => messages.map(({ id }) => id);
  it("shows the branch of a leaf", () => {
    expect(ids(branchOf(TREE, "a2"))).toEqual(["q1", "a1", "q2", "a2"]);
    expect(ids(branchOf(TREE, null))).toEqual(["q1", "a1", "q2b", "a2b"]);
    expect(ids(branchOf([], "gone"))).toEqual([]);
  });
  it("finds versions and the newest end below each", () => {
    expect(ids(versionsOf(TREE, TREE[1] as Message))).toEqual(["a1", "a1b"]);
    expect(ids(versionsOf(TREE, TREE[3] as Message))).toEqual(["q2", "q2b"]);
    expect([leafUnder(TREE, "a1"), leafUnder(TREE, "q2"), leafUnder(TREE, "a1b")]).toEqual(["a2b", "a2", "a1b"]);
  });
  it("puts a question and all that answers it together", () => {
    const branch = [
      message("s", null, "system"),
      message("q", "s", "user"),
      message("t1", "q", "assistant"),
      message("t2", "t1", "tool"),
      message("t3", "t2", "assistant"),
      message("q'", "t3", "user"),
    ];
    expect(exchangesOf(branch).map(({ question, replies }) => [question?.id, ids(replies)])).toEqual([
      ["q", ["t1", "t2", "t3"]],
      ["q'", []],
    ]);
  });
  it("gives what has not changed as the same objects, so that it is not drawn again", () => {
    const branch = new ShownBranch();
    const [first, second] = branch.of(TREE, "a2");
    expect([ids(first?.answers ?? []), ids(second?.questions ?? [])]).toEqual([
      ["a1", "a1b"],
      ["q2", "q2b"],
    ]);
    // A new question below: nothing above it has changed.
    const grown = branch.of([...TREE, message("q3", "a2", "user")], "q3");
    expect([grown[0] === first, grown[1] === second, grown.length]).toEqual([true, true, 3]);
    // Another version of the second answer changes its exchange only.
    const again = branch.of([...TREE, message("a2c", "q2", "assistant")], "a2");
    expect([again[0] === first, again[1] === second]).toEqual([true, false]);
  });
  it("does not hang on messages that are their own ancestors", () => {
    expect(branchOf([message("x", "y", "user"), message("y", "x", "assistant")], "x")).toHaveLength(2);
  });
});

const JUDGED = { intent: "code" as const, confidence: 0.9, needs_code: true };
const USAGE = { prompt_tokens: 100, cached_tokens: 0, completion_tokens: 20 };
const TIMES = { queued_ms: 1, prefill_ms: 50, decode_ms: 500 };
const CALL = { id: "1", name: "search_code", arguments: { q: "x" } };
const EVENTS: TurnEvent[] = [
  { type: "begun", turn: "t", chat: "c", question: "q" },
  { type: "intent", corrected: false, ...JUDGED },
  { type: "rules", rules: [{ id: "r", text: "Use tabs" }] },
  { type: "sources", sources: [] },
  { type: "left_out", history: 2 },
  { type: "reading", done: 1, total: 2 },
  { type: "text", text: "Let me ", origin: "model" },
  { type: "text", text: "look.", origin: "model" },
  { type: "tool_call", asks: true, ...CALL },
  { type: "answered", step: 1, usage: USAGE, timings: TIMES },
  { type: "tool_result", id: "1", ok: true, text: "found", ms: 3 },
  { type: "text", text: "Here.", origin: "model" },
  { type: "answered", step: 2, usage: USAGE, timings: TIMES },
  { type: "done", finish: "stop", cited: [], steps: 2 },
  { type: "kept", message: "m" },
];

describe("answer", () => {
  it("is the same from events and from what was kept", () => {
    const live = EVENTS.reduce(fold, emptyAnswer());
    const first = {
      intent: JUDGED,
      rules: [{ id: "r", text: "Use tabs" }],
      sources: [],
      left_out: { history: 2 },
      usage: USAGE,
      timings: TIMES,
      calls: [CALL],
      finish: "tool_calls",
    };
    const kept = answerOf([
      message("a", "q", "assistant", "Let me look.", first),
      message("t", "a", "tool", "found", { call_id: "1", ok: true, sources: [] }),
      message("b", "t", "assistant", "Here.", { usage: USAGE, timings: TIMES, finish: "stop" }),
    ]);
    const shape = ({ state, rules, leftOut, finish, steps }: Answer) => ({
      state,
      rules,
      leftOut,
      finish,
      steps: steps.map(({ text, calls }) => ({
        text,
        calls: calls.map(({ call, result }) => ({ call, ok: result?.ok, text: result?.text })),
      })),
    });
    expect(shape(live)).toEqual(shape(kept));
    expect(live.steps.map(({ text }) => text)).toEqual(["Let me look.", "Here."]);
    expect([tokensPerSecond(live), windowTokens(kept)]).toEqual([40, 120]);
    expect(leftOutText(live.leftOut)).toContain("2 earlier messages");
  });
  it("says how it ended", () => {
    expect(fold(emptyAnswer(), { type: "done", finish: "cancelled", cited: [], steps: 1 }).state).toBe("stopped");
    expect(fold(emptyAnswer(), { type: "failed", message: "no memory" })).toMatchObject({
      state: "failed",
      error: "no memory",
    });
  });
});

describe("attachments", () => {
  it("come back as they were sent, whatever is in them", () => {
    const files = [
      { name: "a b.md", text: "# x\n\n```js\n1\n```\n" },
      { name: 'q".txt', text: "````\ninner\n````\n" },
    ];
    const sent = withAttachments("Look:", files);
    expect(splitAttachments(sent)).toEqual({ text: "Look:", attachments: files });
    expect(splitAttachments("plain ```js\n1\n``` text")).toEqual({ text: "plain ```js\n1\n``` text", attachments: [] });
  });
});

describe("files of conversations", () => {
  it("are JSON, JSONL, one or many", () => {
    expect(conversationsOf('[{"a":1},{"a":2}]')).toHaveLength(2);
    expect(conversationsOf('{"a":1}\n\n{"a":2}\n')).toHaveLength(2);
    expect(() => conversationsOf("<html>")).toThrow(/neither JSON/);
  });
  it("go in requests that are not too large", () => {
    const rows = ["x".repeat(40), "y".repeat(40), "z".repeat(200), "w".repeat(20)];
    expect(batches(rows, 100)).toEqual({ fit: [[rows[0], rows[1]], [rows[3]]], large: 1 });
  });
});

it("the list shows pins, folders, then time", () => {
  const chat = (id: string, more: Partial<Chat>) =>
    ({ id, title: id, updated: "2026-11-27T09:00:00Z", pinned: false, folder: null, ...more }) as Chat;
  const now = Date.parse("2026-11-27T10:00:00Z");
  const groups = grouped(
    [
      chat("old", { updated: "2026-01-01T00:00:00Z" }),
      chat("today", {}),
      chat("work", { folder: "Work" }),
      chat("pin", { pinned: true, folder: "Work" }),
    ],
    now,
  );
  expect(groups.map(([name]) => name)).toEqual(["Pinned", "Work", "Today", "Older"]);
});
