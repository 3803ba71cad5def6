// Server-sent events over fetch: with the key, and from where we were after a break.
import { authorization, failed } from "./api/client";

export interface ServerEvent {
  id: string;
  name: string;
  data: string;
}

/** Splits a stream's text into events. Pieces may end anywhere, also inside a line. */
export class EventParser {
  private rest = "";
  private event: ServerEvent = { id: "", name: "message", data: "" };

  push(piece: string): ServerEvent[] {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.line(line.endsWith("\r") ? line.slice(0, -1) : line));
  }

  private line(line: string): ServerEvent[] {
    if (line === "") {
      const { data } = this.event;
      const complete = data === "" ? [] : [{ ...this.event, data: data.slice(0, -1) }];
      this.event = { id: this.event.id, name: "message", data: "" };
      return complete;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") this.event.id = value;
    else if (field === "event") this.event.name = value;
    else if (field === "data") this.event.data += value + "\n";
    return [];
  }
}

export interface Listening {
  onEvent: (event: ServerEvent) => void;
  /** The connection broke; it is tried again. */
  onBreak?: () => void;
  signal: AbortSignal;
}

/** How long to wait after the n-th failure, in milliseconds. */
export function patience(failures: number): number {
  return Math.min(4000, 150 * 2 ** failures);
}

/**
 * Hears a stream to its end, through breaks: it goes on after the last event that was heard. Ends when `last` says that
 * an event was the last, and throws what the server says where it knows no such stream.
 */
export async function listen(path: string, last: (event: ServerEvent) => boolean, to: Listening): Promise<void> {
  let heard = "";
  let failures = 0;
  while (!to.signal.aborted) {
    try {
      const headers = { ...authorization(), ...(heard ? { "Last-Event-ID": heard } : {}) };
      const response = await fetch(path, { headers, signal: to.signal });
      if (!response.ok || !response.body) throw failed(response.status, await response.json().catch(() => undefined));
      const parser = new EventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        for (const event of parser.push(piece.value)) {
          heard = event.id;
          failures = 0;
          to.onEvent(event);
          if (last(event)) return;
        }
      }
    } catch (error) {
      if (to.signal.aborted) return;
      if (error instanceof Error && error.name === "ApiError") throw error;
    }
    to.onBreak?.();
    await new Promise((go) => setTimeout(go, patience(failures++)));
  }
}
