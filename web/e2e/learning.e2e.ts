// The whole loop through the page: feedback → learn → adapter promoted → rolled back. It takes five minutes of two cores: one
// in which the model answers general prompts, one of training, and the judging. Learning is deterministic, so is what becomes of it.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessible, launch, open } from "./browser";
import { Hone } from "./hone";

const STYLE = resolve(import.meta.dirname, "../../crates/learn/src/demo/house_style.jsonl");
const pictures = process.env.HONE_SCREENSHOTS;

interface Conversation {
  question: string;
  draft: string;
  edited: string;
}

describe("a house style", { timeout: 1_800_000 }, () => {
  let hone: Hone;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    hone = await new Hone("max_tokens = 400 # a small model does not always come to an end\n").start();
    await feedback();
    browser = await launch();
    ({ page, complaints } = await open(browser, `${hone.url}/learning`));
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await hone?.stop();
  });

  /** Each answer was given, and rewritten in the house style. */
  async function feedback() {
    const lines = readFileSync(STYLE, "utf8").trim().split("\n");
    const all = lines.map((line) => JSON.parse(line) as Conversation);
    const conversations = all.map(({ question, draft }) => ({
      messages: [
        { role: "user", content: question },
        { role: "assistant", content: draft },
      ],
    }));
    const file = join(hone.home, "drafts.json");
    writeFileSync(file, JSON.stringify(conversations));
    hone.run("chats", "import", file, "--mine", "-q");
    const { chats } = await hone.api<{ chats: { id: string; title: string }[] }>("/api/chats?limit=500");
    for (const { id } of chats) {
      const { messages } = await hone.api<{ messages: { id: string; spans: { text: string }[] }[] }>(
        `/api/chats/${id}`,
      );
      const [question, answer] = messages;
      const text = question?.spans.map(({ text }) => text).join("");
      const edited = all.find((one) => one.question === text)?.edited;
      await hone.api(`/api/messages/${answer?.id}/edit`, { text: edited });
    }
  }

  it("is learned when asked, judged, and put in use", async () => {
    await page.getByText(/examples to learn from, \d+ of them new/).waitFor();
    await page.getByRole("button", { name: "Learn now" }).click();
    await page.getByText("training loss").first().waitFor({ timeout: 900_000 });
    if (pictures) await page.screenshot({ path: join(pictures, "learning-live.png") });
    const report = page.getByRole("list", { name: "Reports" }).getByRole("listitem").first();
    await report.getByText("promoted").first().waitFor({ timeout: 1_500_000 });
    await report.getByText("Is it better?").waitFor();
    // Each number stands beside its limit, with a word.
    const gain = report.getByRole("listitem").filter({ hasText: "by enough" });
    expect(await gain.textContent()).toMatch(/gain\d\.\d{3}okat least \d\.\d{3} nats a token/);
    await page.getByText("in use", { exact: true }).waitFor();
    const { in_use } = await hone.api<{ in_use: string | null }>("/api/adapters");
    expect(in_use).not.toBeNull();
    if (pictures) {
      // The checks with their bars, rather than the run above them.
      await report.evaluate((element) => element.scrollIntoView({ block: "start" }));
      await page.screenshot({ path: join(pictures, "learning-report.png") });
    }
    await accessible(page);
  });

  it("is taken back with one click", async () => {
    await page.getByRole("button", { name: "Roll back" }).click();
    await page.getByText("Back to the model alone.").waitFor();
    expect((await hone.api<{ in_use: string | null }>("/api/adapters")).in_use).toBeNull();
    await page.getByRole("link", { name: "Settings" }).click();
    const log = page.getByRole("region", { name: "Changes" });
    expect(await log.getByRole("row").nth(1).textContent()).toMatch(/this page.*adapter rolled back/);
    expect(await log.getByRole("row").nth(2).textContent()).toMatch(/learning.*adapter promoted/);
    expect(complaints).toEqual([]);
  });
});
