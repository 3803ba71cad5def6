// The system's Chromium, which asks nobody for anything by itself.
import { existsSync } from "node:fs";
import AxeSource from "axe-core";
import { type Browser, type Page, chromium } from "playwright-core";
import { expect } from "vitest";
import { PATIENCE } from "./hone";

const FLAGS = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const CHROMIUM =
  process.env.HONE_TEST_CHROMIUM ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: FLAGS });

export interface Look {
  width?: number;
  height?: number;
  dark?: boolean;
}

/** A page in a browser without a past. What it complains about fails the test that asks for `complaints`. */
export async function open(
  browser: Browser,
  url: string,
  look: Look = {},
): Promise<{ page: Page; complaints: string[] }> {
  const { width = 1280, height = 800, dark = false } = look;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    permissions: ["clipboard-read", "clipboard-write"],
    baseURL: url,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000 * PATIENCE);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // A server that is away is what some tests are about.
    if (message.type() === "error" && !/Failed to load resource|net::ERR/.test(message.text()))
      complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints };
}

export const composer = (page: Page) => page.getByRole("textbox", { name: "Message", exact: true });

/** Asks, and waits for the whole answer. */
export async function ask(page: Page, text: string): Promise<void> {
  const before = await page.getByRole("button", { name: "Good answer" }).count();
  await composer(page).fill(text);
  await composer(page).press("Enter");
  await page
    .getByRole("button", { name: "Good answer" })
    .nth(before)
    .waitFor({ timeout: 90_000 * PATIENCE });
}

/** Nothing serious and nothing critical is wrong for people who use the page in other ways. */
export async function accessible(page: Page): Promise<void> {
  // Through the debugger: the page's policy lets no script of ours in.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: AxeSource.source });
  const run = "axe.run(document, { resultTypes: ['violations'] }).then((result) => JSON.stringify(result.violations))";
  const { result } = await session.send("Runtime.evaluate", { expression: run, awaitPromise: true });
  const violations = JSON.parse(result.value as string) as {
    id: string;
    impact: string;
    nodes: { html: string; failureSummary: string }[];
  }[];
  const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(
    bad.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} (${node.failureSummary})`).join("; ")}`,
    ),
  ).toEqual([]);
}
