import { expect, it } from "vitest";
import { colours } from "./highlight";

it("colours kinds, and loses no character", async () => {
  const code = 'def f(x):\n    """Doc."""\n    return "a" + str(1)  # why\n';
  const lines = (await colours(code, "py")) ?? [];
  expect(lines.map((line) => line.map(({ text }) => text).join("")).join("\n")).toBe(code);
  const kinds = new Map(lines.flat().map(({ text, kind }) => [text.trim(), kind]));
  expect([kinds.get("def"), kinds.get("f"), kinds.get("return"), kinds.get("1")]).toEqual([
    "keyword",
    "function",
    "keyword",
    "constant",
  ]);
  expect([...kinds.values()]).toContain("comment");
});

it("leaves unknown languages as they are", async () => {
  expect(await colours("x", "klingon")).toBeNull();
  expect(await colours("x", undefined)).toBeNull();
});
