// What hone is taught, what it reads, and what it learns.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, launch, open } from "./browser";
import { Hone, until } from "./hone";

let hone: Hone;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  hone = await new Hone("max_tokens = 400 # a small model does not always come to an end\n").start();
  browser = await launch();
  ({ page, complaints } = await open(browser, `${hone.url}/rules`));
});
afterAll(async () => {
  await browser?.close();
  await hone?.stop();
});

const button = (name: string | RegExp) => page.getByRole("button", { name });

it("uses a rule that it was taught, and asks about one that contradicts it", async () => {
  await page.getByLabel("New rule").fill("Always use TypeScript");
  await button("Teach").click();
  await page.getByText("everywhere", { exact: true }).waitFor();
  await page.getByLabel("New rule").fill("Never use TypeScript");
  await button("Teach").click();
  await page.getByText(/contradicts/).waitFor();
  await button("Keep the old one").click();
  await until(async () => (await hone.api<{ rules: unknown[] }>("/api/rules")).rules.length === 1, "one rule");
  await page.goto(hone.url);
  await ask(page, "Write a function that adds two numbers.");
  await button("1 rule").click();
  await page.getByRole("menuitem", { name: "Always use TypeScript" }).waitFor();
  await page.goto(`${hone.url}/rules`);
  await page.getByText("Where it was used").click();
  await page.getByText("In 1 answer:").waitFor();
  await page
    .getByRole("main")
    .getByRole("link", { name: /adds two numbers/ })
    .click();
  await page.waitForURL(/\/c\//);
});

it("answers from an indexed folder, and shows where from", async () => {
  const folder = join(hone.home, "project");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "tariff.py"),
    'def zebra_tariff(weight):\n    """The price of sending a zebra."""\n    return 12 + 3 * weight\n',
  );
  hone.run("index", "add", folder, "-q");
  await page.goto(`${hone.url}/knowledge`);
  await page.getByText("1 file").waitFor();
  await page.getByRole("searchbox", { name: "Question or words" }).fill("zebra tariff");
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await page.getByText(/tariff\.py:1-/).click();
  await page.getByText("return 12 + 3 * weight").waitFor();
  await page.goto(hone.url);
  await ask(page, "Where in my code is zebra_tariff defined?");
  await button(/^\d+ sources?$/).click();
  await page.getByRole("heading", { name: "Sources" }).waitFor();
  await page.getByText("tariff.py:1-", { exact: false }).first().waitFor();
  await page.getByRole("complementary").last().getByText("return 12 + 3 * weight").waitFor();
});

it("learns from a rewritten answer when asked, and stops", async () => {
  await page.goto(hone.url);
  await ask(page, "Write a function that doubles a number.");
  await button("Edit the answer").click();
  await page
    .getByRole("textbox", { name: "Edit the answer" })
    .fill("```ts\nconst doubled = (n: number) => 2 * n;\n```");
  await button("Save as what it should have been").click();
  await page.getByRole("group", { name: "Versions of the answer" }).getByText("2/2").waitFor();

  const chat = page.url().split("/c/")[1];
  await page.goto(`${hone.url}/learning`);
  await page.getByText(/examples? to learn from, \d+ of them new/).waitFor();
  const examples = page.getByRole("list", { name: "Examples" }).getByRole("listitem");
  const example = examples.filter({ hasText: "Write a function that doubles a number." });
  await example.getByText("you rewrote it").waitFor();
  await example.getByText("Look at it, or better it").click();
  await example.getByRole("button", { name: "Edit the answer" }).click();
  await example.getByRole("textbox").fill("```ts\nconst twice = (n: number) => 2 * n;\n```");
  // A list that comes late, as on a busy machine.
  const late = /\/api\/export\?/;
  await page.route(late, async (route) => {
    await new Promise((over) => setTimeout(over, 1000));
    await route.continue();
  });
  await example.getByRole("button", { name: "Learn this instead" }).click();
  await until(async () => JSON.stringify(await hone.api(`/api/chats/${chat}`)).includes("twice"), "the better answer");
  // Disabled until the list shows the new version: chosen before, it would be for the old one.
  await example.getByLabel("Learn from this").selectOption("no");
  await example.waitFor({ state: "detached" });
  await page.unroute(late);
  await page.getByRole("radio", { name: "Left out" }).click();
  const out = example.filter({ hasText: "you have taken it out" });
  await out.getByLabel("Learn from this").selectOption("auto");
  await out.waitFor({ state: "detached" });

  await button("Learn now").click();
  await page.getByText(/The model answers general prompts.*: [1-9]/).waitFor({ timeout: 60_000 });
  await button("Stop").click();
  await page.getByText("“Learn now” goes on from here.", { exact: false }).waitFor({ timeout: 60_000 });
});

it("learns by itself when it is told to", async () => {
  await page.getByRole("radio", { name: "At night" }).click();
  await page.getByText("Saved. The server starts again with it.").first().waitFor();
  await page.reload();
  await until(async () => page.getByRole("radio", { name: "At night", checked: true }).isVisible(), "the schedule");
  await page.getByLabel("From", { exact: true }).selectOption("22:00");
  await page.getByLabel("To", { exact: true }).selectOption("22:00");
  const times = page.locator("form").filter({ hasText: "Minutes without a question" });
  await times.getByRole("button", { name: "Save" }).click();
  await page.getByText("the night ends at another hour than it begins", { exact: false }).first().waitFor();
  await page.getByLabel("To", { exact: true }).selectOption("07:00");
  await page.getByLabel("Minutes without a question").fill("30");
  await times.getByRole("button", { name: "Save" }).click();
  const set = async () => hone.api<Record<string, unknown>>("/api/settings");
  await until(async () => (await set()).learn_idle_minutes === 30, "the times");
  expect(await set()).toMatchObject({ learn_schedule: "night", learn_from_hour: 22, learn_to_hour: 7 });
});

it("trains an adapter, puts it in use, and takes it back", async () => {
  const rows = Array.from({ length: 12 }, (_, n) => ({
    messages: [
      { role: "user", content: `Name number ${n}.` },
      { role: "assistant", content: `It is called ${"abcdefghijkl"[n]}.` },
    ],
  }));
  const file = join(hone.home, "names.jsonl");
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  hone.run("data", "fetch", file, "--name", "names", "-q");
  await page.goto(`${hone.url}/learning`);
  await page.getByLabel("Set of examples").selectOption("names");
  await page.getByLabel("Name of the adapter").fill("first-words");
  await page.getByLabel("Steps").fill("2");
  await button("Train").click();
  await page.getByText("The adapter is in the list below", { exact: false }).waitFor({ timeout: 90_000 });
  await page.getByRole("list", { name: "Adapters" }).getByRole("button", { name: "Use" }).click();
  await page.getByText("in use", { exact: true }).waitFor();
  expect((await hone.api<{ in_use: string | null }>("/api/adapters")).in_use).not.toBeNull();
  await button("Roll back").click();
  await page.getByText("Back to the model alone.").waitFor();
  expect((await hone.api<{ in_use: string | null }>("/api/adapters")).in_use).toBeNull();
});

it("and nothing was complained about", () => {
  expect(complaints).toEqual([]);
});
