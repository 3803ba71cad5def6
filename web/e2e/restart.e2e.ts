// The server goes and comes back: killed in an answer, and begun again for new settings.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, composer, launch, open } from "./browser";
import { Hone, until } from "./hone";

let hone: Hone;
let browser: Browser;

beforeAll(async () => {
  hone = await new Hone().start();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await hone?.stop();
});

it("loses no text when the server is killed in the middle of an answer", { retry: 1 }, async () => {
  const { page } = await open(browser, hone.url);
  await composer(page).fill("Explain in detail, with examples, how a linked list works.");
  await composer(page).press("Enter");
  const prose = page.getByRole("log").locator(".prose");
  await until(async () => (await prose.innerText()).length > 120, "some of the answer");
  await hone.kill();
  await page.getByText("The connection to hone broke").waitFor();
  const seen = (await prose.innerText()).slice(0, 100);
  await composer(page).fill("and then?");
  await hone.start();
  await page.getByText("hone ended while this was being answered").waitFor();
  expect(await prose.innerText()).toContain(seen);
  expect(await composer(page).inputValue(), "the draft").toBe("and then?");
  // What was broken off may show its buttons or not by now, so the answers are not counted in the page.
  await composer(page).fill("Say one word.");
  await composer(page).press("Enter");
  const chat = page.url().split("/c/")[1] ?? "";
  await until(async () => {
    const { messages } = await hone.api<{ messages: { role: string; spans: unknown[] }[] }>(`/api/chats/${chat}`);
    const last = messages.at(-1);
    return messages.length === 4 && last?.role === "assistant" && last.spans.length > 0;
  }, "the next answer");
  // A small model may go on for long.
  await page.keyboard.press("Escape");
});

it("goes on by itself after settings have begun a new round", async () => {
  const { page } = await open(browser, `${hone.url}/settings`);
  await page.getByLabel("Randomness").fill("0.3");
  await page.getByRole("button", { name: "Save" }).first().click();
  await page.getByText("Saved. The server starts again with it.").waitFor();
  // Whichever round it falls into, and whether the model is there yet or not.
  await page.getByRole("link", { name: "New conversation" }).click();
  await ask(page, "Say one word.");
  expect((await hone.api<{ temperature: number }>("/api/settings")).temperature).toBeCloseTo(0.3);
  const { messages } = await hone.api<{ messages: unknown[] }>(`/api/chats/${page.url().split("/c/")[1]}`);
  expect(messages).toHaveLength(2);
});
