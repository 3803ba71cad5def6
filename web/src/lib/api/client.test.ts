import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError, api, unwrap } from "./client";

const asked: string[] = [];
let answers: Response[] = [];

const refusal = (code: string) =>
  new Response(JSON.stringify({ error: { message: "not now", code } }), {
    status: 503,
    headers: { "Content-Type": "application/json" },
  });

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  vi.stubGlobal("location", new URL("http://127.0.0.1/"));
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(`${request.method} ${await request.text()}`);
    return answers.shift() ?? new Response("{}", { headers: { "Content-Type": "application/json" } });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const teach = () => unwrap(api.POST("/api/rules", { baseUrl: "http://127.0.0.1", body: { text: "x" } }));

it("says it again to a server that begins a new round, with the same words", async () => {
  answers = [refusal("restarting"), refusal("model_loading")];
  const done = teach();
  await vi.runAllTimersAsync();
  await done;
  expect(asked).toEqual(Array(3).fill('POST {"text":"x"}'));
});

it("takes every other refusal for an answer", async () => {
  answers = [refusal("store_busy")];
  await expect(teach()).rejects.toEqual(new ApiError("not now", 503, "store_busy"));
  answers = [refusal("model_loading")];
  await expect(unwrap(api.GET("/api/rules", { baseUrl: "http://127.0.0.1" }))).rejects.toMatchObject({ status: 503 });
  expect(asked).toHaveLength(2);
});
