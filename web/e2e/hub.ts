// A hub on loopback with one model, whose bytes can be slow. It speaks as much of the hub's protocol as hone asks for.
import { createHash } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const PIECE = 256 * 1024;

export class Hub {
  /** Under this name hone can pull it. */
  readonly source = "hf:acme/coder/model.gguf";
  /** Milliseconds before each piece of 256 kB. */
  pace = 0;
  /** The first byte of each part that was asked for. */
  readonly asked: number[] = [];
  private server: Server | null = null;

  constructor(private readonly content: Buffer) {}

  async start(): Promise<string> {
    this.server = createServer((request, response) => void this.answer(request, response));
    await new Promise<void>((done) => this.server?.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "" } = request;
    if (url === "/api/models/acme/coder")
      return void response.end(JSON.stringify({ sha: COMMIT, tags: ["license:mit"] }));
    if (url === "/blob") return this.send(request, response);
    if (!/^\/acme\/coder\/resolve\/[^/]+\/model\.gguf$/.test(url)) return void response.writeHead(404).end();
    response.writeHead(302, {
      "X-Repo-Commit": COMMIT,
      "X-Linked-Size": this.content.length,
      "X-Linked-ETag": `"${createHash("sha256").update(this.content).digest("hex")}"`,
      Location: `http://${request.headers.host}/blob`,
    });
    response.end();
  }

  /** The part that is asked for, in pieces. */
  private async send(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, first = "0", last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const [from, to] = [Number(first), last ? Number(last) + 1 : this.content.length];
    this.asked.push(from);
    response.writeHead(request.headers.range ? 206 : 200, {
      ETag: '"one"',
      "Content-Length": to - from,
      "Content-Range": `bytes ${from}-${to - 1}/${this.content.length}`,
    });
    for (let at = from; at < to && !response.destroyed; at += PIECE) {
      if (this.pace > 0) await new Promise((go) => setTimeout(go, this.pace));
      response.write(this.content.subarray(at, Math.min(at + PIECE, to)));
    }
    response.end();
  }
}
