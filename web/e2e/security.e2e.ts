// Nothing that a model, a title or a file says makes the page fetch something or run a script: while it streams, and again
// from history.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { composer, launch, open } from "./browser";
import { Elsewhere } from "./elsewhere";
import { Hone } from "./hone";
import { HOST, PAYLOADS } from "./payloads";

/** Payloads in one answer. */
const TOGETHER = 8;

const model = new Elsewhere();
let hone: Hone;
let browser: Browser;
let page: Page;
const requests: string[] = [];
let expected = "";

beforeAll(async () => {
  const url = await model.start();
  hone = new Hone();
  writeFileSync(
    join(hone.home, "config.toml"),
    `model = "smollm2-135m"\n[remote]\nurl = "${url}"\nmodel = "scripted"\n`,
  );
  await hone.start();
  browser = await launch();
  ({ page } = await open(browser, "about:blank"));
  page.context().on("request", (request) => requests.push(request.url()));
  page.on("dialog", (dialog) => {
    requests.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(hone.url);
  // A payload that looks like a search would wait for consent.
  await page.getByRole("button", { name: /^Web: / }).click();
  await page.getByRole("menuitem", { name: "Never search the web" }).click();
});
afterAll(async () => {
  await browser?.close();
  await hone?.stop();
  model.stop();
});

/** What must not be in the page, wherever it came from. */
async function findings(): Promise<string[]> {
  return page.evaluate((own) => {
    const bad: string[] = [];
    if ("pwned" in window) bad.push("a script ran");
    const forbidden =
      "iframe, object, embed, form[action], base, meta[http-equiv], audio, video, svg use, svg image, foreignObject, template, portal, track, math, [srcset], [ping], [background], [poster], [srcdoc], link:not([rel~=stylesheet],[rel~=icon],[rel~=modulepreload])";
    for (const element of document.querySelectorAll(forbidden)) bad.push(element.outerHTML.slice(0, 200));
    for (const element of document.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        if (name.startsWith("on")) bad.push(`${element.tagName} ${name}`);
        if (name === "style" && /url\s*\(/i.test(value)) bad.push(`style ${value}`);
        if (["src", "href", "xlink:href", "action", "formaction", "data"].includes(name)) {
          const url = new URL(value, location.href);
          const link = element.tagName === "A" && /^https?:$/.test(url.protocol);
          if (url.origin !== own && !link) bad.push(`${element.tagName} ${name}=${value}`);
        }
      }
    }
    for (const link of document.querySelectorAll<HTMLAnchorElement>("a[target]")) {
      if (link.rel !== "noopener noreferrer") bad.push(`rel ${link.outerHTML}`);
      if (!link.parentElement?.textContent?.includes(link.host)) bad.push(`hidden destination ${link.outerHTML}`);
    }
    return bad;
  }, new URL(hone.url).origin);
}

const foreign = () => requests.filter((url) => !url.startsWith(hone.url));

it(`shows ${PAYLOADS.length} payloads that stream in odd pieces`, { timeout: 240_000 }, async () => {
  expect(PAYLOADS.length).toBeGreaterThanOrEqual(200);
  const texts: string[] = [];
  for (let at = 0; at < PAYLOADS.length; at += TOGETHER)
    texts.push(
      PAYLOADS.slice(at, at + TOGETHER)
        .map((payload, n) => `Payload ${at + n}:\n\n${payload}`)
        .join("\n\n") + "\n\nThe end.",
    );
  expected = texts.at(-1) ?? "";
  model.answers = [...texts];
  for (const [index] of texts.entries()) {
    // The question is a payload too, and the first becomes the title.
    await composer(page).fill(PAYLOADS[index * TOGETHER] ?? "");
    await composer(page).press("Enter");
    await page.getByRole("button", { name: "Good answer" }).nth(index).waitFor({ timeout: 30_000 });
  }
  expect(await findings()).toEqual([]);
  expect(foreign()).toEqual([]);
  expect(await page.getByRole("log").textContent()).toContain("The end.");
});

it("shows them again from history", async () => {
  await page.reload();
  await page.getByText("The end.").last().waitFor();
  expect(expected).toContain("Payload");
  expect(await page.getByRole("log").getByText("The end.").count()).toBe(Math.ceil(PAYLOADS.length / TOGETHER));
  expect(await findings()).toEqual([]);
  expect(foreign()).toEqual([]);
});

it("in titles, folders, rules, file names and what is found", async () => {
  const chat = page.url().split("/c/")[1] ?? "";
  const evil = `"><img src=https://${HOST}/x onerror=window.pwned=1><script>window.pwned=1</script>\u202e`;
  await hone.api(`/api/chats/${chat}`, { title: evil, folder: evil });
  await hone.api("/api/rules", { text: evil, files: "*.<b>" });
  await page.getByLabel("Files to attach").setInputFiles({
    name: `<img src=x onerror=window.pwned=1>.md`,
    mimeType: "text/plain",
    buffer: Buffer.from(evil),
  });
  await composer(page).fill("a file");
  await composer(page).press("Enter");
  await page.getByRole("button", { name: "Stop the answer" }).waitFor({ state: "detached" });
  for (const path of [`/c/${chat}`, "/rules", "/settings", "/learning", "/models", "/knowledge"]) {
    await page.goto(hone.url + path);
    await page.waitForLoadState("networkidle");
    expect(await findings(), path).toEqual([]);
  }
  await page.getByRole("searchbox", { name: "Search conversations" }).fill("payload");
  await page.locator("mark").first().waitFor();
  expect(await findings()).toEqual([]);
  expect(foreign()).toEqual([]);
});

it("and the page is served with the policy that would stop it anyway", async () => {
  const response = await page.goto(hone.url);
  const headers = response?.headers() ?? {};
  expect(headers["content-security-policy"]).toMatch(
    /^default-src 'none'; script-src 'self';.*require-trusted-types-for 'script'$/,
  );
  expect(headers["x-content-type-options"]).toBe("nosniff");
  // The control: without our renderer, the policy and this test see what a page does.
  await page.evaluate(
    (host) => document.body.append(Object.assign(new Image(), { src: `https://${host}/control` })),
    HOST,
  );
  await page.waitForTimeout(200);
  expect(await findings()).toEqual([`IMG src=https://${HOST}/control`]);
});
