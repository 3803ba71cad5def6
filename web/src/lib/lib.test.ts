import { renderHook } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import { ago, bytes, duration, parameters, plural } from "./format";
import { chord, useHotkeys } from "./hotkeys";
import { visible } from "./visible";

describe("format", () => {
  it("writes sizes, times and counts as people read them", () => {
    expect([0, 999, 1500, 98_362_432, 9e9].map(bytes)).toEqual(["0 B", "999 B", "1.5 kB", "98 MB", "9.0 GB"]);
    expect([0.25, 4.21, 42, 600, 7500].map(duration)).toEqual(["250 ms", "4.2 s", "42 s", "10 min", "2 h 5 min"]);
    expect([134_515_008, 7.6e9].map(parameters)).toEqual(["135 million", "7.6 billion"]);
    expect([plural(1, "file"), plural(1200, "search", "searches")]).toEqual(["1 file", "1,200 searches"]);
    const now = Date.parse("2026-11-27T10:00:00Z");
    const times = ["2026-11-27T09:59:50Z", "2026-11-27T09:30:00Z", "2026-11-27T07:00:00Z", "2026-11-26T09:00:00Z"];
    expect(times.map((time) => ago(time, now))).toEqual(["just now", "30 min ago", "3 h ago", "yesterday"]);
  });
});

describe("visible", () => {
  it("shows what nobody sees, and leaves letters and emoji", () => {
    expect(visible("a\u202eb\u200bc\u{e0041}\u0000")).toBe("a⟦U+202E⟧b⟦U+200B⟧c⟦U+E0041⟧⟦U+0000⟧");
    expect(visible("é 日本 👩‍💻 ❤️\n\tx")).toBe("é 日本 👩‍💻 ❤️\n\tx");
  });
});

describe("chord", () => {
  const key = (key: string, more = {}) =>
    chord({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more });
  it("names keys the same on every system", () => {
    expect([
      key("k", { ctrlKey: true }),
      key("k", { metaKey: true }),
      key("?", { shiftKey: true }),
      key("O", { ctrlKey: true, shiftKey: true }),
      key("Escape"),
    ]).toEqual(["mod+k", "mod+k", "?", "mod+shift+o", "escape"]);
  });
});

describe("useHotkeys", () => {
  it("leaves keys to those who write, and to what is open above the page", () => {
    const run = vi.fn();
    const keys = ["d", "escape", "mod+k"].map((keys) => ({
      keys,
      does: keys,
      run: () => run(keys) as undefined,
      whileTyping: keys !== "d",
    }));
    const { unmount } = renderHook(() => useHotkeys(keys));
    const box = document.createElement("textarea");
    const menu = document.createElement("div");
    const entry = document.createElement("button");
    menu.setAttribute("role", "menu");
    menu.append(entry);
    document.body.append(box, menu);
    const press = (at: Element, key: string, more = {}) => {
      run.mockClear();
      at.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
      return run.mock.calls.length;
    };
    const all = (at: Element) => [press(at, "d"), press(at, "Escape"), press(at, "k", { ctrlKey: true })];
    expect([all(document.body), all(box), all(entry)]).toEqual([
      [1, 1, 1],
      [0, 1, 1],
      [0, 0, 1],
    ]);
    unmount();
  });
});
