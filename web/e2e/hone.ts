// The real program on a data folder of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inFront } from "./in-front";

const BINARY = process.env.HONE_BIN ?? resolve(import.meta.dirname, "../../target/release/hone");
const MODELS = process.env.HONE_TEST_MODELS ?? resolve(import.meta.dirname, "../../.cache/home/models");

/** How many times as long everything is waited for: on a machine that has much else to do. */
export const PATIENCE = Number(process.env.HONE_TEST_PATIENCE ?? 1);

export interface Say {
  question: { id: string };
  turn: string;
}

export class Hone {
  readonly home = mkdtempSync(join(tmpdir(), "hone-e2e-"));
  /** Where the UI is. */
  url = "";
  /** Where the program listens. */
  private address = "";
  private process: ChildProcess | null = null;

  /** With settings, and with variables that would otherwise be kept from it. */
  constructor(
    config = "",
    private readonly variables: NodeJS.ProcessEnv = {},
  ) {
    linkTree(MODELS, join(this.home, "models"));
    writeFileSync(join(this.home, "config.toml"), `model = "smollm2-135m"\n${config}`);
  }

  /** Starts it, on the port that it had where it has run before, and waits until the model answers. */
  async start(): Promise<this> {
    const port = this.address ? new URL(this.address).port : "0";
    const child = spawn(BINARY, ["serve", "--port", port, "-q"], {
      env: this.env(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    let said = "";
    child.stderr.on("data", (text: Buffer) => (said += text.toString()));
    this.address = await new Promise<string>((done, fail) => {
      child.stdout.once("data", (text: Buffer) => done(text.toString().trim()));
      child.once("exit", (code) => fail(new Error(`hone ended with ${code}: ${said}`)));
    });
    await until(async () => (await fetch(`${this.address}/health`)).ok, "hone");
    this.url ||= process.env.HONE_TEST_DIST ? await inFront(this.address) : this.address;
    return this;
  }

  kill(): Promise<void> {
    return this.end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.end("SIGTERM");
    rmSync(this.home, { recursive: true, force: true });
  }

  /** `hone ARGS...` on the same data. */
  run(...args: string[]): string {
    return execFileSync(BINARY, args, { env: this.env(), encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  async api<T>(path: string, body?: object): Promise<T> {
    const init = body && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    };
    const response = await fetch(this.url + path, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  private end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    const gone = new Promise<void>((done) => child.once("exit", () => done()));
    child.kill(signal);
    return gone;
  }

  private env(): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(([name]) => !/^(HONE_|HF_|TAVILY_|SEARXNG_)/.test(name));
    return { ...Object.fromEntries(own), ...this.variables, HONE_HOME: this.home };
  }
}

/** Waits until something holds. */
export async function until(holds: () => Promise<boolean>, what = "it", ms = 30_000): Promise<void> {
  const end = Date.now() + ms * PATIENCE;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`${what} did not come within ${ms} ms`);
    await new Promise((go) => setTimeout(go, 60));
  }
}

/** Models are large: linked where that is possible. */
function linkTree(from: string, to: string): void {
  if (!existsSync(from)) throw new Error(`no models at ${from}: run ./test, or set HONE_TEST_MODELS`);
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (statSync(source).isDirectory()) linkTree(source, target);
    else
      try {
        linkSync(source, target);
      } catch {
        cpSync(source, target);
      }
  }
}
