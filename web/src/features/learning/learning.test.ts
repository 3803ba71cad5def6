import { expect, it } from "vitest";
import { type Adapter, lineage, numbersOf, scoresOf } from "./lineage";
import { exampleIn } from "./example-text";
import { type Measured, groupsOf, heldTo, placesOf, verdict, whenOf, written } from "./gate-report";
import { NOTHING, told } from "./run";

it("adapters stand below those that they came from", () => {
  const adapter = (id: string, parent: string | null = null) => ({ id, parent }) as Adapter;
  const family = lineage([
    adapter("a"),
    adapter("b", "a"),
    adapter("c"),
    adapter("d", "b"),
    adapter("e", "gone"),
    adapter("x", "y"),
    adapter("y", "x"),
  ]);
  expect(family.map(({ adapter, depth }) => `${adapter.id}${depth}`)).toEqual([
    "a0",
    "b1",
    "d2",
    "c0",
    "e0",
    "x0",
    "y0",
  ]);
});

it("scores are read however deep they are", () => {
  expect(numbersOf({ loss: 1.5, gate: { style_after: 0.9, note: "x" } })).toEqual([
    ["loss", 1.5],
    ["gate style after", 0.9],
  ]);
});

it("what training measured is told as before and after", () => {
  expect(scoresOf({ first_valid_loss: 3.5, valid_loss: 0.25, loss: 0.2, best_step: 6 })).toEqual([
    ["loss on held-back examples", "3.50 → 0.25"],
    ["loss", "0.20"],
    ["best step", "6"],
  ]);
});

it("a run is what its events say", () => {
  const news = (name: string, data: object) => ({ name, data: JSON.stringify(data) });
  const after = [
    news("plan", { steps: 2 }),
    news("step", { step: 1, loss: 2 }),
    news("remark", { message: "few examples" }),
    news("saved", { step: 1 }),
    news("else", {}),
  ].reduce(told, NOTHING);
  expect(after).toMatchObject({ plan: { steps: 2 }, steps: [{ loss: 2 }], remarks: ["few examples"], saved: 1 });
  expect(told(after, { name: "reset" })).toEqual(NOTHING);
});

it("a cycle says what it does beside training, and how it ended", () => {
  const news = (name: string, data: object) => ({ name, data: JSON.stringify(data) });
  const replay = told(NOTHING, news("doing", { what: "replay", done: 3, all: 9 }));
  expect(replay.doing).toEqual({ what: "replay", done: 3, all: 9 });
  expect(told(replay, news("plan", { steps: 2 })).doing).toBeNull();
  const judging = told(replay, news("doing", { what: "judging", done: 0, all: 0 }));
  const over = told(judging, news("decided", { decision: "hold", because: "few", adapter: null }));
  expect(over).toMatchObject({ doing: null, decided: { decision: "hold", because: "few" } });
});

it("checks stand under their question, in the order of the report", () => {
  const names = ["sanity: finite", "not worse: facts", "sanity: answers", "enough new examples"];
  const groups = groupsOf(names.map((name) => ({ name })));
  expect(groups.map(({ name, checks }) => `${name} ${checks.length}`)).toEqual([
    "sanity 2",
    "not worse 1",
    "enough new examples 1",
  ]);
});

it("an example is an answer and the question above it, also past tool calls", () => {
  const message = (id: string, parent: string | null, role: string, text: string) =>
    ({ id, parent, role, spans: [{ text, provenance: "user" }] }) as Parameters<typeof exampleIn>[0][number];
  const messages = [
    message("q", null, "user", "how?"),
    message("call", "q", "assistant", ""),
    message("result", "call", "tool", "42"),
    message("a", "result", "assistant", "so"),
  ];
  expect(exampleIn(messages, "a")).toEqual({ question: "how?", answer: "so" });
  expect(exampleIn(messages, "gone")).toEqual({ question: "", answer: "" });
});

it("a run is called by its time", () => {
  expect(whenOf("20261124-031500-4f2a")).toBe("2026-11-24 03:15");
  expect(whenOf("mine")).toBe("mine");
});

it("a number stands beside its limit, and in words", () => {
  const number = (more: Partial<Measured>): Measured => ({
    what: "gain",
    value: 0.125,
    limit: 0.05,
    bound: "at_least",
    before: null,
    unit: "nats",
    within: true,
    ...more,
  });
  expect(placesOf(number({}))).toEqual({ zero: 0, value: 100, limit: 40, before: null });
  expect(placesOf(number({ value: -0.1, limit: 0.1, before: 0 }))).toEqual({
    zero: 50,
    value: 0,
    limit: 100,
    before: 50,
  });
  expect(placesOf(number({ value: 0, limit: 0 })), "no fact lost, none allowed").toMatchObject({ value: 0, limit: 0 });
  expect(heldTo(number({}))).toBe("at least 0.050 nats a token");
  expect(heldTo(number({ bound: "at_most", limit: 0.1, before: 0, unit: "share" }))).toBe("at most 10 %, before 0.0 %");
  expect([written(-0.02, "nats"), written(7.5, "count"), written(0.0004, "chance"), written(25.31, "chance")]).toEqual([
    "−0.020",
    "7.5",
    "0.0004",
    "25.3",
  ]);
  expect([
    verdict({ within: true, bound: "below" }),
    verdict({ within: false, bound: "at_most" }),
    verdict({ within: false, bound: "at_least" }),
  ]).toEqual(["ok", "too much", "too little"]);
});
