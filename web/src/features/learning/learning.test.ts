import { expect, it } from "vitest";
import { type Adapter, lineage, numbersOf } from "./lineage";
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
