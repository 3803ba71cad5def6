import { expect, it } from "vitest";
import { aboutOf } from "./audit";

it("a change is told by its names, without those that are missing", () => {
  expect(aboutOf({ about: { adapter: null, model: "tiny" } })).toBe("model tiny");
  expect(aboutOf({ about: { settings: ["context", "threads"], adapters: [] } })).toBe("settings context, threads");
  expect(aboutOf({ about: { path: "/a\u202eb", count: 3 } })).toBe("path /a⟦U+202E⟧b · count 3");
});
