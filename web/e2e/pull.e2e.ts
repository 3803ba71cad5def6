// Fetching a model through the page, from a hub on this machine: stopped in the middle, gone on with, used, deleted.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { accessible, launch, open } from "./browser";
import { Hone, until } from "./hone";
import { Hub } from "./hub";

/** What has come is kept in blocks of 8 MiB: a tiny model with something behind it, so that there are three of them. */
const BLOCK = 8 * 1024 * 1024;
const MODEL = readFileSync(resolve(import.meta.dirname, "../../crates/engine/tests/fixtures/models/llama.gguf"));
const FILE = Buffer.concat([MODEL, Buffer.alloc(3 * BLOCK - MODEL.length)]);

const hub = new Hub(FILE);
let hone: Hone;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  hone = await new Hone("", { HF_ENDPOINT: await hub.start() }).start();
  browser = await launch();
  ({ page, complaints } = await open(browser, `${hone.url}/models`));
});
afterAll(async () => {
  await browser?.close();
  await hone?.stop();
  hub.stop();
});

const button = (name: string | RegExp) => page.getByRole("button", { name });
interface Pull {
  state: string;
  done: number;
}
const pulled = async () => (await hone.api<{ pulls: Pull[] }>("/api/models")).pulls[0];

it("stops in the middle, and says so", async () => {
  hub.pace = 120;
  await page.getByLabel("Where it is").fill(hub.source);
  await button("Fetch").click();
  await page.getByRole("progressbar", { name: `Fetching ${hub.source}` }).waitFor();
  await until(async () => ((await pulled())?.done ?? 0) > BLOCK, "a block of the model");
  await button("Stop").click();
  await button("Go on").waitFor();
  await accessible(page);
  expect((await pulled())?.state).toBe("stopped");
  expect(await page.getByText("acme/coder", { exact: false }).count()).toBe(1);
});

it("goes on where it was, also after the page was loaded again", async () => {
  hub.pace = 0;
  const before = hub.asked.length;
  await page.reload();
  await button("Go on").click();
  await page.getByRole("button", { name: "Delete model", exact: true }).waitFor();
  expect(hub.asked.length, "the rest is asked for").toBe(before + 1);
  expect(hub.asked.at(-1), "from where it was").toBeGreaterThanOrEqual(BLOCK);
  expect(complaints).toEqual([]);
});
