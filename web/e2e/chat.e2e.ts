// A conversation from the first run on.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, composer, launch, open } from "./browser";
import { Hone, until } from "./hone";

let hone: Hone;
let browser: Browser;
let page: Page;
let complaints: string[];

interface Message {
  id: string;
  role: string;
  state: string;
  spans: { text: string; provenance: string }[];
}
interface Whole {
  id: string;
  messages: Message[];
  feedback: { kind: string; message: string }[];
}

beforeAll(async () => {
  hone = await new Hone("max_tokens = 2000 # a small model does not always come to an end\n").start();
  browser = await launch();
  ({ page, complaints } = await open(browser, hone.url));
});
afterAll(async () => {
  await browser?.close();
  await hone?.stop();
});

const button = (name: string | RegExp) => page.getByRole("button", { name });
const shown = (): Promise<Whole> => hone.api(`/api/chats/${page.url().split("/c/")[1]}`);
/** In one step: an answer may come to its end by itself between a look and a click. */
const stopIfGoing = () =>
  button("Stop the answer").evaluateAll((found) => {
    for (const one of found) (one as HTMLButtonElement).click();
  });
const textOf = (message: Message | undefined) => message?.spans.map(({ text }) => text).join("") ?? "";

it("comes from the first page to the first answer, and says which model suits the machine", async () => {
  await page.getByText("The starter model is small").waitFor();
  const { recommended } = await hone.api<{ recommended: string }>("/api/models");
  await page.getByText(recommended, { exact: true }).waitFor();
  await button(/^Write a regular expression/).click();
  expect(await composer(page).inputValue()).toContain("regular expression");
  await ask(page, "Write a Python function that adds two numbers.");
  await page.getByText(/tokens\/s/).waitFor();
  const { messages } = await shown();
  expect(messages.map(({ role, state }) => [role, state])).toEqual([
    ["user", "complete"],
    ["assistant", "complete"],
  ]);
  expect(await page.getByRole("log").textContent()).toContain(textOf(messages[0]));
  await page.getByRole("link", { name: /Write a Python function/ }).waitFor();
});

it("stops an answer, keeps what was said, and goes on with it in one message", async () => {
  await composer(page).fill("Count from 1 to 500, one number in each line, and write nothing else.");
  await composer(page).press("Enter");
  await until(async () => (await page.getByRole("log").locator(".caret-inside").count()) > 0, "the answer");
  await button("Stop the answer").click();
  await page.getByText("Stopped.", { exact: true }).waitFor();
  const before = (await shown()).messages;
  const last = before.at(-1);
  expect(last?.state).toBe("stopped");
  await button("Continue").click();
  // The beginning is on the disk with the new version of the answer, and grows there.
  const grown = async () => {
    const { messages } = await shown();
    return messages.length === before.length + 1 && textOf(messages.at(-1)).length > textOf(last).length;
  };
  await until(grown, "the rest of the answer");
  await stopIfGoing();
  await until(async () => (await shown()).messages.at(-1)?.state !== "streaming", "its end");
  const { messages } = await shown();
  expect(messages.filter(({ role }) => role === "user")).toHaveLength(2);
  expect(textOf(messages.at(-1)).startsWith(textOf(last))).toBe(true);
  await page.getByRole("group", { name: "Versions of the answer" }).getByText("2/2").waitFor();
});

it("keeps the branches of an edited question and of another answer, and switches between them", async () => {
  await button("New conversation")
    .or(page.getByRole("link", { name: "New conversation" }))
    .first()
    .click();
  await ask(page, "Say one word about the sea.");
  const question = page.getByRole("log").getByText("Say one word about the sea.");
  await question.hover();
  await button("Edit the question").click();
  await page.getByRole("textbox", { name: "Edit the question" }).fill("Say one word about the sun.");
  await button("Ask this instead").click();
  await page.getByText("2/2").waitFor();
  await button("Good answer").waitFor();
  await button("Previous question").click();
  await question.waitFor();
  await button("Answer again").click();
  await page.getByRole("group", { name: "Versions of the answer" }).getByText("2/2").waitFor();
  const { messages } = await shown();
  expect(messages.filter(({ role }) => role === "user")).toHaveLength(2);
  expect(messages.filter(({ role }) => role === "assistant")).toHaveLength(3);
  await button("Compare the answers side by side").click();
  await page.getByRole("region", { name: "Answers side by side" }).waitFor();
  await button("Close the comparison").click();
});

it("takes thumbs and rewritten answers as feedback, and keeps the answer that was given", async () => {
  await button("Good answer").click();
  await until(async () => (await button("Good answer").getAttribute("aria-pressed")) === "true", "the thumb");
  await button("Edit the answer").click();
  await page.getByRole("textbox", { name: "Edit the answer" }).fill("Salt.");
  await button("Save as what it should have been").click();
  await page.getByRole("group", { name: "Versions of the answer" }).getByText("3/3").waitFor();
  const { messages, feedback } = await shown();
  expect(feedback.map(({ kind }) => kind).sort()).toEqual(["edited", "up"]);
  const rewritten = messages.find((message) => textOf(message) === "Salt.");
  expect(rewritten?.spans[0]?.provenance).toBe("user");
});

it("keeps a draft, sends files, and shows them again", async () => {
  await page.getByRole("link", { name: "New conversation" }).click();
  await composer(page).fill("half a thought");
  await page.reload();
  expect(await composer(page).inputValue()).toBe("half a thought");
  await page.getByLabel("Files to attach").setInputFiles({
    name: "sum.py",
    mimeType: "text/x-python",
    buffer: Buffer.from("def total(xs):\n    return sum(xs)\n"),
  });
  await ask(page, "What does this do?");
  const { messages } = await shown();
  expect(textOf(messages[0])).toContain("return sum(xs)");
  await page.getByRole("log").locator("summary", { hasText: "sum.py" }).click();
  await page.getByText("def total(xs)").first().waitFor();
  await page.getByRole("link", { name: "New conversation" }).click();
  expect(await composer(page).inputValue()).toBe("");
});

it("goes on with an answer after the page was loaded again in its middle", async () => {
  await composer(page).fill("Explain in detail how a hash table works.");
  await composer(page).press("Enter");
  await page.waitForURL(/\/c\//);
  await until(
    async () => ((await page.getByRole("log").locator(".prose").textContent()) ?? "").length > 40,
    "some of the answer",
  );
  const prose = page.getByRole("log").locator(".prose").last();
  const before = (await prose.innerText()).length;
  await page.reload();
  await until(async () => (await prose.innerText()).length > before + 40, "more of the answer");
  // A small model may go on for long: it was heard to go on.
  await stopIfGoing();
  await button("Good answer").waitFor();
  const { messages } = await shown();
  const squeezed = (text: string | null) => (text ?? "").replace(/[^\p{L}]/gu, "");
  expect(squeezed(await prose.innerText())).toContain(squeezed(textOf(messages.at(-1)).slice(0, 40)));
});

it("finds, saves, deletes with a way back, and imports", async () => {
  await page.getByRole("searchbox", { name: "Search conversations" }).fill("hash table");
  await page.getByRole("navigation", { name: "Conversations" }).locator("mark").first().waitFor();
  await page.getByRole("searchbox", { name: "Search conversations" }).fill("");
  const chat = await shown();
  await button("More about this conversation").click();
  const saved = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: "Save as JSON" }).click();
  const file = await (await saved).path();
  await button("More about this conversation").click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await button("Undo").click();
  await until(async () => (await page.getByRole("link", { name: /hash table/ }).count()) > 0, "the conversation");
  await page.getByRole("link", { name: /hash table/ }).click();
  await button("More about this conversation").click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  // It can be dismissed early; screen readers hear of the toast as a whole.
  await page.locator('button[aria-label="Dismiss"]').last().click();
  await until(async () => !(await fetch(`${hone.url}/api/chats/${chat.id}`)).ok, "the end of the conversation");
  await page.getByLabel("Files to import").setInputFiles(file);
  await page.getByText(/^1 conversation from/).waitFor();
});

it("reaches everything by keyboard", async () => {
  await page.locator("body").click({ position: { x: 640, y: 20 } });
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Find anything" }).fill("rules");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/rules$/);
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await page.waitForURL(/\/$/);
  await page.keyboard.press("/");
  expect(await composer(page).evaluate((element) => element === document.activeElement)).toBe(true);
});

it("and nothing was complained about", () => {
  expect(complaints).toEqual([]);
});
