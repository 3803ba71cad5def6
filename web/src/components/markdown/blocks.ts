// Cuts a growing markdown text into its top-level blocks, so that only the last one is parsed and drawn again.
import { lexer } from "marked";

/** Blocks of a text that only grows. What comes before the last two blocks does not change any more. */
export class Blocks {
  private text = "";
  private settled: string[] = [];
  private settledLength = 0;

  /** The blocks of `text`; cheap where `text` continues what was given before. */
  of(text: string): string[] {
    if (!text.startsWith(this.text)) {
      this.settled = [];
      this.settledLength = 0;
    }
    this.text = text;
    const open = cut(text.slice(this.settledLength));
    // Two stay open: a list goes on after a blank line, and a table begins as a paragraph.
    while (open.length > 2) {
      const block = open.shift() ?? "";
      this.settled.push(block);
      this.settledLength += block.length;
    }
    return [...this.settled, ...open];
  }
}

/** Joined together, the blocks are the text. */
export function cut(text: string): string[] {
  const blocks: string[] = [];
  for (const { type, raw } of lexer(text)) {
    if (type === "space" && blocks.length > 0) blocks[blocks.length - 1] += raw;
    else blocks.push(raw);
  }
  // The lexer normalises line ends and tabs; then its pieces do not add up, and the text stays in one.
  return blocks.join("") === text ? blocks : [text];
}
