// A conversation is a tree of messages; what is shown is one branch of it.
import type { Schemas } from "@/lib/api/client";

export type Message = Schemas["MessageObject"];

/** A question and what was answered: several messages where tools were called. */
export interface Exchange {
  /** Absent where a branch begins with an answer, as imported ones may. */
  question: Message | null;
  replies: Message[];
}

export function textOf(message: Message): string {
  return message.spans.map((span) => span.text).join("");
}

/** The messages from the first to `leaf`; without a leaf, to the newest. */
export function branchOf(messages: Message[], leaf: string | null): Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const branch: Message[] = [];
  let at = (leaf ? byId.get(leaf) : undefined) ?? messages.at(-1);
  while (at && branch.length < messages.length) {
    branch.push(at);
    at = at.parent ? byId.get(at.parent) : undefined;
  }
  return branch.reverse();
}

export function exchangesOf(branch: Message[]): Exchange[] {
  const exchanges: Exchange[] = [];
  for (const message of branch) {
    if (message.role === "system") continue;
    const last = exchanges.at(-1);
    if (message.role === "user") exchanges.push({ question: message, replies: [] });
    else if (last) last.replies.push(message);
    else exchanges.push({ question: null, replies: [message] });
  }
  return exchanges;
}

/** The other messages in this one's place, itself included, the oldest first. */
export function versionsOf(messages: Message[], message: Message): Message[] {
  const same = messages.filter(({ parent, role }) => parent === message.parent && role === message.role);
  return same.sort((a, b) => (a.created < b.created ? -1 : 1));
}

/** An exchange, and what else was asked and answered in its places. */
export interface Shown extends Exchange {
  /** Versions of the question, the shown one included. */
  questions: Message[];
  /** Versions of the answer: the first message of each. */
  answers: Message[];
}

/** The exchanges of the branch to `leaf`. Those of which nothing has changed since the last call are the same objects. */
export class ShownBranch {
  private known = new Map<string, Shown>();

  of(messages: Message[], leaf: string | null): Shown[] {
    const shown = exchangesOf(branchOf(messages, leaf)).map((exchange): Shown => {
      const first = exchange.replies.find(({ role }) => role === "assistant");
      const { question } = exchange;
      const now = {
        ...exchange,
        questions: question ? versionsOf(messages, question) : [],
        answers: first ? versionsOf(messages, first) : [],
      };
      const before = this.known.get(keyOf(now));
      return before && isSame(before, now) ? before : now;
    });
    this.known = new Map(shown.map((exchange) => [keyOf(exchange), exchange]));
    return shown;
  }
}

export const keyOf = ({ question, replies }: Exchange) => question?.id ?? replies[0]?.id ?? "";

function isSame(a: Shown, b: Shown): boolean {
  const same = (a: Message[], b: Message[]) => a.length === b.length && a.every((message, at) => message === b[at]);
  return (
    a.question === b.question &&
    same(a.replies, b.replies) &&
    same(a.questions, b.questions) &&
    same(a.answers, b.answers)
  );
}

/** The end of the newest branch through a message. */
export function leafUnder(messages: Message[], from: string): string {
  const newest = new Map<string, Message>();
  for (const message of messages) {
    const known = message.parent ? newest.get(message.parent) : undefined;
    if (message.parent && (!known || known.created <= message.created)) newest.set(message.parent, message);
  }
  let at = from;
  for (let steps = 0; steps < messages.length; steps++) {
    const next = newest.get(at);
    if (!next) break;
    at = next.id;
  }
  return at;
}
