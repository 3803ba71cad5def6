// Figures of the UI, for `bench/web.py`: what is loaded first, how soon it can be used, and how smoothly a long conversation
// streams. Written as JSON to the file that HONE_MEASURE names.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { composer, launch, open } from "./browser";
import { Elsewhere } from "./elsewhere";
import { Hone } from "./hone";

const TOKENS_PER_SECOND = 200;
/** As the tests of tokenizers count: about four characters of English and code. */
const CHARACTERS = 4;
const HISTORY_TOKENS = 20_000;
const ANSWER_TOKENS = 2_000;

const model = new Elsewhere();
const figures: Record<string, { unit: string; runs: number[] }> = {};
let hone: Hone;
let browser: Browser;

beforeAll(async () => {
  const url = await model.start();
  hone = new Hone();
  writeFileSync(
    join(hone.home, "config.toml"),
    `model = "smollm2-135m"\n[remote]\nurl = "${url}"\nmodel = "scripted"\ncontext = 131072\n`,
  );
  await hone.start();
  browser = await launch();
});
afterAll(async () => {
  if (process.env.HONE_MEASURE) writeFileSync(process.env.HONE_MEASURE, JSON.stringify(figures));
  await browser?.close();
  await hone?.stop();
  model.stop();
});

const note = (name: string, unit: string, value: number) => (figures[name] ??= { unit, runs: [] }).runs.push(value);

it("first load", async () => {
  for (let run = 0; run < 5; run++) {
    const { page } = await open(browser, "about:blank");
    const scripts: Promise<Buffer>[] = [];
    page.on("response", (response) => response.request().resourceType() === "script" && scripts.push(response.body()));
    const began = performance.now();
    await page.goto(hone.url, { waitUntil: "commit" });
    await composer(page).waitFor();
    await composer(page).fill("x");
    note("interactive", "ms", performance.now() - began);
    await page.waitForLoadState("networkidle");
    await vitals(page);
    if (run === 0) {
      const files = await Promise.all(scripts);
      const sum = (size: (file: Buffer) => number) => files.reduce((total, file) => total + size(file), 0) / 1000;
      note(
        "first-load-script-gzip",
        "kB",
        sum((file) => gzipSync(file, { level: 9 }).length),
      );
      note(
        "first-load-script-brotli",
        "kB",
        sum((file) => brotliCompressSync(file).length),
      );
    }
    await page.context().close();
  }
});

/** What Lighthouse looks at: first and largest paint, shifts, and what blocks. */
async function vitals(page: Page): Promise<void> {
  const seen = await page.evaluate(async () => {
    const entries = (type: string) =>
      new Promise<PerformanceEntry[]>((done) => {
        const observer = new PerformanceObserver((list) => done(list.getEntries()));
        observer.observe({ type, buffered: true });
        setTimeout(() => done([]), 300);
      });
    const [paint, largest, shifts, long] = await Promise.all(
      ["paint", "largest-contentful-paint", "layout-shift", "longtask"].map(entries),
    );
    return {
      first: paint?.find(({ name }) => name === "first-contentful-paint")?.startTime ?? 0,
      largest: largest?.at(-1)?.startTime ?? 0,
      shift: shifts?.reduce((sum, entry) => sum + (entry as PerformanceEntry & { value: number }).value, 0) ?? 0,
      blocked: long?.reduce((sum, { duration }) => sum + Math.max(0, duration - 50), 0) ?? 0,
    };
  });
  note("first-contentful-paint", "ms", seen.first);
  note("largest-contentful-paint", "ms", seen.largest);
  note("layout-shift", "score", seen.shift);
  note("total-blocking-time", "ms", seen.blocked);
}

const PART = `Here is what the function does, step by step, with **the reason** for each of them.

- It reads the rows, one at a time, and never holds more than one.
- It drops what is empty, and counts it.

\`\`\`python
def rows(path):
    with open(path) as file:
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\\n").split(",")
\`\`\`

| step | cost |
|---|---|
| read | one pass |
| split | one copy |

`;

const text = (tokens: number) =>
  PART.repeat(Math.ceil((tokens * CHARACTERS) / PART.length)).slice(0, tokens * CHARACTERS);

it("streams into a long conversation", { timeout: 180_000 }, async () => {
  const messages = Array.from({ length: 40 }, (_, n) => ({
    role: n % 2 ? "assistant" : "user",
    content: n % 2 ? text(900) : text(100),
  }));
  expect(messages.reduce((sum, { content }) => sum + content.length, 0) / CHARACTERS).toBeGreaterThanOrEqual(
    HISTORY_TOKENS,
  );
  await hone.api("/api/chats/import", { conversations: [{ title: "Long", messages }] });
  const { chats } = await hone.api<{ chats: { id: string }[] }>("/api/chats");
  const { page } = await open(browser, `${hone.url}/c/${chats[0]?.id}`);
  await page.getByRole("button", { name: "Good answer" }).nth(19).waitFor();
  model.answers = [text(ANSWER_TOKENS)];
  model.pace = { ms: 1000 / TOKENS_PER_SECOND, piece: () => CHARACTERS };
  await browser.startTracing(page, {
    categories: ["toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline"],
  });
  await composer(page).fill("Once more, please.");
  await composer(page).press("Enter");
  // From the first words on: what comes before them is the judging of the question, and no stream.
  await page.getByRole("log").locator(".caret-inside").waitFor();
  const began = performance.now();
  await page.getByRole("button", { name: "Good answer" }).nth(20).waitFor({ timeout: 120_000 });
  const seconds = (performance.now() - began) / 1000;
  const trace = await browser.stopTracing();
  if (process.env.HONE_TRACE) writeFileSync(process.env.HONE_TRACE, trace);
  const tasks = tasksOf(trace);
  const worked = tasks
    .map(({ ms }) => ms)
    .filter((ms) => ms >= 1)
    .sort((a, b) => a - b);
  note("stream-tokens-per-second", "tokens/s", ANSWER_TOKENS / seconds);
  note("stream-task-p95", "ms", worked[Math.floor(worked.length * 0.95)] ?? 0);
  note("stream-task-longest", "ms", worked.at(-1) ?? 0);
  // Without the time in which something else had the processor.
  note("stream-task-longest-cpu", "ms", Math.max(...tasks.map(({ cpu }) => cpu)));
  note("stream-tasks-over-50-ms", "tasks", worked.filter((ms) => ms > 50).length);
  note("stream-tasks", "tasks", worked.length);
});

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  dur?: number;
  /** Of that, on the processor. */
  tdur?: number;
  args?: { name?: string };
}

/** Durations in milliseconds of what the page's main thread ran. */
function tasksOf(trace: Buffer): { ms: number; cpu: number }[] {
  const { traceEvents: events } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const mains = events
    .filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain")
    .map(({ pid, tid }) => `${pid}/${tid}`);
  const tasks = events.filter(
    ({ name, ph, pid, tid }) =>
      ph === "X" && mains.includes(`${pid}/${tid}`) && (name === "RunTask" || name === "ThreadControllerImpl::RunTask"),
  );
  const one = tasks.some(({ name }) => name === "RunTask") ? "RunTask" : "ThreadControllerImpl::RunTask";
  return tasks
    .filter(({ name }) => name === one)
    .map(({ dur = 0, tdur = dur }) => ({ ms: dur / 1000, cpu: tdur / 1000 }));
}
