import { afterEach, describe, expect, it, vi } from "vitest";
import { EventParser, listen, patience } from "./sse";

const STREAM =
  'id: 0\nevent: begun\ndata: {"a":1}\n\n: waiting\n\nid: 1\r\nevent: text\r\ndata: one\r\ndata: two ü€😀\r\n\r\nid: 2\nevent: kept\ndata: {}\n\n';

describe("EventParser", () => {
  it("finds the same events wherever the stream is cut", () => {
    const whole = new EventParser().push(STREAM);
    expect(whole.map(({ id, name, data }) => [id, name, data])).toEqual([
      ["0", "begun", '{"a":1}'],
      ["1", "text", "one\ntwo ü€😀"],
      ["2", "kept", "{}"],
    ]);
    for (let cut = 1; cut < STREAM.length; cut++) {
      const parser = new EventParser();
      expect([...parser.push(STREAM.slice(0, cut)), ...parser.push(STREAM.slice(cut))]).toEqual(whole);
    }
  });
});

describe("listen", () => {
  afterEach(() => vi.restoreAllMocks());

  const body = (text: string) => new Response(text, { status: 200 });

  it("goes on after the last event that was heard, also when the server is away in between", async () => {
    const asked: (string | null)[] = [];
    const answers = [
      () => body("id: 0\nevent: text\ndata: a\n\nid: 1\nevent: text\ndata: b\n\nid: 2\nevent: te"),
      () => Promise.reject(new TypeError("refused")),
      () => body("id: 2\nevent: text\ndata: c\n\nid: 3\nevent: kept\ndata: x\n\n"),
    ];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
      asked.push(new Headers(init?.headers).get("Last-Event-ID"));
      return (await answers.shift()?.()) as Response;
    });
    const heard: string[] = [];
    const breaks = vi.fn();
    const last = ({ name }: { name: string }) => name === "kept";
    await listen("/events", last, {
      onEvent: ({ data }) => heard.push(data),
      onBreak: breaks,
      signal: new AbortController().signal,
    });
    expect(heard).toEqual(["a", "b", "c", "x"]);
    expect(asked).toEqual([null, "1", "1"]);
    expect(breaks).toHaveBeenCalledTimes(2);
  });

  it("throws what the server says where it knows no such stream", async () => {
    const refusal = { error: { message: "no such turn", code: "not_found" } };
    vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(JSON.stringify(refusal), { status: 404 }));
    const to = { onEvent: () => undefined, signal: new AbortController().signal };
    await expect(listen("/events", () => false, to)).rejects.toMatchObject({
      status: 404,
      code: "not_found",
      message: "no such turn",
    });
  });

  it("waits longer after each failure, and never long", () => {
    expect([0, 1, 2, 9].map(patience)).toEqual([150, 300, 600, 4000]);
  });
});
