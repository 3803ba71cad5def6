// A model elsewhere that says what a test wants, in pieces of odd lengths. It speaks as much of the OpenAI API as hone asks for.
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";

export class Elsewhere {
  private server: Server | null = null;
  /** What the next answers are; the last one again and again. */
  answers: string[] = ["Hello."];
  /** Milliseconds between pieces, and the characters of a piece. */
  pace = { ms: 0, piece: () => 1 + Math.floor(Math.random() * 7) };

  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      if (!request.url?.endsWith("/chat/completions")) {
        response.writeHead(200, { "Content-Type": "application/json" });
        return void response.end(JSON.stringify({ object: "list", data: [{ id: "scripted", object: "model" }] }));
      }
      request.resume().on("end", () => void this.answer(response));
    });
    await new Promise<void>((done) => this.server?.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  stop(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }

  private async answer(response: import("node:http").ServerResponse): Promise<void> {
    const text = (this.answers.length > 1 ? this.answers.shift() : this.answers[0]) ?? "";
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const send = (delta: object, finish: string | null = null) =>
      response.write(
        `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: "scripted", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
      );
    send({ role: "assistant", content: "" });
    const began = performance.now();
    // No server cuts a character in two: half of one is not JSON.
    const characters = [...text];
    for (let at = 0, pieces = 0; at < characters.length && !response.destroyed; pieces++) {
      const length = this.pace.piece();
      send({ content: characters.slice(at, at + length).join("") });
      at += length;
      // Timers are late by a millisecond or so: what counts is the time since the beginning.
      const ahead = began + pieces * this.pace.ms - performance.now();
      if (ahead > 1) await new Promise((go) => setTimeout(go, ahead));
    }
    send({}, "stop");
    const usage = { prompt_tokens: 10, completion_tokens: Math.ceil(text.length / 4), total_tokens: 10 };
    response.write(
      `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: "scripted", choices: [], usage })}\n\n`,
    );
    response.end("data: [DONE]\n\n");
  }
}
