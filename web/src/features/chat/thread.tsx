// The exchanges of the shown branch, the newest at the bottom and in sight while it grows.
import { ArrowDown } from "lucide-react";
import { useMemo, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { useStickyScroll } from "@/components/sticky-scroll";
import type { Source } from "@/lib/api/events";
import type { Heard } from "./chat-page";
import { ExchangeView } from "./exchange";
import type { Live } from "./live";
import type { ChatWhole, Say } from "./queries";
import { type Message, ShownBranch, keyOf } from "./tree";

export interface ThreadActions {
  /** Says something, and tells where it fails. */
  send: (what: Say) => void;
  /** The same for those who have something to lose: it throws where it fails. */
  ask: (what: Say) => Promise<void>;
  /** Shows the newest branch through a message. */
  show: (message: Message) => void;
  /** All messages as they are now. */
  messages: () => Message[];
  cite: (sources: Source[], number: number) => void;
  editAnswer: (message: string, text: string) => Promise<void>;
}

interface Props {
  chat: ChatWhole;
  live: Live | null;
  heard: Heard;
  /** The question whose answers are to be seen side by side. */
  compared: string | null;
  actions: ThreadActions;
  /** Tokens of the model's window. */
  context: number | null;
}

export function Thread({ chat, live, heard, compared, actions, context }: Props) {
  const asked = live?.question;
  const leaf = asked ?? chat.leaf;
  const [branch] = useState(() => new ShownBranch());
  const exchanges = useMemo(() => branch.of(chat.messages, leaf), [branch, chat.messages, leaf]);
  const thumbs = useMemo(() => thumbsOf(chat.feedback), [chat.feedback]);
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const { away, toBottom } = useStickyScroll(box, content, asked ?? chat.id);
  return (
    <div className="relative min-h-0 flex-1">
      <div ref={box} className="h-full overflow-y-auto" tabIndex={-1}>
        <div
          ref={content}
          role="log"
          aria-label="Conversation"
          className="mx-auto flex max-w-3xl flex-col gap-7 px-4 py-6 md:px-6"
        >
          {exchanges.map((exchange, index) => {
            const last = index === exchanges.length - 1;
            const question = exchange.question?.id;
            const end = exchange.replies.findLast(({ role }) => role === "assistant");
            return (
              <ExchangeView
                key={keyOf(exchange) || index}
                exchange={exchange}
                chat={chat.id}
                thumb={thumbs.get(end?.id) ?? null}
                live={last && live && (!asked || asked === question) ? live : null}
                heard={heard && heard.question === question ? heard.answer : null}
                compared={compared !== null && compared === question}
                last={last}
                busy={live !== null}
                actions={actions}
                context={context}
              />
            );
          })}
        </div>
      </div>
      {away && (
        <Button
          size="sm"
          onClick={toBottom}
          className="shadow-float absolute bottom-3 left-1/2 -translate-x-1/2 rounded-full"
        >
          <ArrowDown size={13} /> Newest
        </Button>
      )}
    </div>
  );
}

/** The last thumb of each answer. */
function thumbsOf(feedback: ChatWhole["feedback"]): Map<string | null | undefined, "up" | "down"> {
  const thumbs = feedback.flatMap(({ message, kind }) =>
    kind === "up" || kind === "down" ? [[message, kind] as const] : [],
  );
  return new Map(thumbs);
}
