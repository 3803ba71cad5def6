// Every page: usable in other ways than by mouse and eye, at 360 px, light and dark; and pictures of all of them where
// HONE_SCREENSHOTS names a folder.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Look, accessible, ask, launch, open } from "./browser";
import { Hone, PATIENCE } from "./hone";

const LOOKS: Record<string, Look> = { light: {}, dark: { dark: true }, narrow: { width: 360, height: 740 } };
const PAGES: Record<string, string> = {
  new: "/",
  knowledge: "/knowledge",
  rules: "/rules",
  learning: "/learning",
  models: "/models",
  settings: "/settings",
};
const pictures = process.env.HONE_SCREENSHOTS;

let hone: Hone;
let browser: Browser;

beforeAll(async () => {
  hone = await new Hone("max_tokens = 400 # a small model does not always come to an end\n").start();
  browser = await launch();
  if (pictures) mkdirSync(pictures, { recursive: true });
  await fill();
}, 240_000 * PATIENCE);
afterAll(async () => {
  await browser?.close();
  await hone?.stop();
});

/** Something on every page. */
async function fill() {
  const folder = join(hone.home, "orchard");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "harvest.py"),
    'def ripeness(fruit, days):\n    """How ripe a fruit is after so many days, from 0 to 1."""\n    return min(1.0, days / fruit.season)\n\n\ndef harvest(trees):\n    return [fruit for tree in trees for fruit in tree if ripeness(fruit, tree.age) > 0.9]\n',
  );
  hone.run("index", "add", folder, "-q");
  for (const text of [
    "Always use TypeScript in strict mode.",
    "Write tests with every function.",
    "Prefer small files.",
  ])
    await hone.api("/api/rules", { text });
  const { page } = await open(browser, hone.url);
  await ask(page, "Which days count for ripeness in my harvest code?");
  PAGES.chat = new URL(page.url()).pathname;
  await page.goto(hone.url);
  await ask(page, "Write a Python function that parses an ISO date, in a code block.");
  PAGES.code = new URL(page.url()).pathname;
  const rows = Array.from({ length: 24 }, (_, n) => ({
    messages: [
      { role: "user", content: `Name the fruit number ${n}.` },
      { role: "assistant", content: `Fruit ${n} is a pear of the kind ${n % 5}.` },
    ],
  }));
  writeFileSync(join(hone.home, "fruit.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  hone.run("data", "fetch", join(hone.home, "fruit.jsonl"), "--name", "fruit", "-q");
  await page.goto(`${hone.url}/learning`);
  await page.getByLabel("Set of examples").selectOption("fruit");
  await page.getByLabel("Name of the adapter").fill("orchard");
  await page.getByLabel("Steps").fill("6");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.getByText("The adapter is in the list below", { exact: false }).waitFor({ timeout: 120_000 * PATIENCE });
  await page.getByRole("list", { name: "Adapters" }).getByRole("button", { name: "Use" }).click();
  await page.context().close();
}

describe.each(Object.entries(LOOKS))("%s", (name, look) => {
  it.each(["new", "chat", "code", "knowledge", "rules", "learning", "models", "settings"])("%s", async (which) => {
    const { page, complaints } = await open(browser, hone.url + PAGES[which], look);
    await page
      .getByRole("main")
      .locator("h1")
      .first()
      .waitFor({ timeout: 15_000 * PATIENCE });
    await page.waitForLoadState("networkidle");
    await page.waitForTimeout(300);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wide, "nothing hangs over the edge").toBeLessThanOrEqual(0);
    if (pictures) await page.screenshot({ path: join(pictures, `${which}-${name}.png`) });
    await accessible(page);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
