import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Blocks, cut } from "./blocks";
import { safeAddress } from "./link";
import { Markdown } from "./markdown";

afterEach(cleanup);

const TEXT = `# Title

A paragraph with \`code\` and **bold**.

- one

- two
  - nested

\`\`\`python
def f():

    return 1
\`\`\`

| a | b |
|---|---|
| 1 | 2 |

1. first
2. second

> quoted
still quoted

Setext
---

end [1]`;

describe("Blocks", () => {
  it("gives the blocks of the whole text at the end, however it grew", () => {
    const whole = cut(TEXT);
    for (const step of [1, 3, 7, 50]) {
      const blocks = new Blocks();
      let last: string[] = [];
      for (let at = 0; at <= TEXT.length + step; at += step) last = blocks.of(TEXT.slice(0, at));
      expect(last.join("")).toBe(TEXT);
      expect(last).toEqual(whole);
    }
  });

  it("begins again with another text", () => {
    const blocks = new Blocks();
    blocks.of("a\n\nb\n\nc\n\nd");
    expect(blocks.of("x\n\ny")).toEqual(["x\n\n", "y"]);
  });
});

describe("Markdown", () => {
  it("makes elements of a fixed list, and text of raw HTML", () => {
    const { container } = render(
      <Markdown
        text={
          "<img src=x onerror=alert(1)>\n\n<script>alert(1)</script>\n\n![p](https://evil.example/p.png?q=1) [l](javascript:alert(1)) [w](https://a.example/x)"
        }
      />,
    );
    expect(container.querySelectorAll("img, script, iframe, [onerror], [src], [srcset], [style]")).toHaveLength(0);
    expect([...container.querySelectorAll("a")].map((a) => a.href)).toEqual([
      "https://evil.example/p.png?q=1",
      "https://a.example/x",
    ]);
    expect(container.textContent).toContain("<script>alert(1)</script>");
    expect(container.textContent).toContain("(evil.example)");
  });

  it("nests no link in a link", () => {
    const { container } = render(<Markdown text={"[![a pear](https://a.example/p.png)](https://b.example/)"} />);
    expect(container.querySelectorAll("a")).toHaveLength(1);
    expect(container.querySelector("a")?.href).toBe("https://b.example/");
    expect(container.textContent).toContain("a pear");
  });

  it("turns citations of known sources into buttons", () => {
    const cite = vi.fn();
    render(<Markdown text="As said [1] and [9]." cited={new Set([1])} onCite={cite} />);
    screen.getByRole("button", { name: "Source 1" }).click();
    expect(cite).toHaveBeenCalledWith(1);
    expect(screen.getByText(/\[9\]/)).toBeTruthy();
  });

  it("shows code as it is", () => {
    const { container } = render(<Markdown text={"```js\nconst a = '<b>';\n```"} />);
    expect(container.querySelector("pre")?.textContent).toContain("const a = '<b>';");
  });
});

describe("safeAddress", () => {
  it("lets the web through and nothing else", () => {
    const bad = [
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      " javascript:x",
      "data:text/html,x",
      "vbscript:x",
      "file:///etc/passwd",
      "//evil.example",
      "/api/chats",
      "blob:x",
      "mailto:a@b",
      "",
    ];
    expect(bad.map(safeAddress).filter(Boolean)).toEqual([]);
    expect(safeAddress("https://a.example/x?y")).toBe("https://a.example/x?y");
  });
});
