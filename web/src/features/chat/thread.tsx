// The exchanges of the shown branch, the newest at the bottom and in sight while it grows.
import { ArrowDown } from "lucide-react";
import { useMemo, useRef } from "react";
import { Button } from "@/components/ui/button";
import { useStickyScroll } from "@/components/sticky-scroll";
import type { Source } from "@/lib/api/events";
import type { Heard } from "./chat-page";
import { ExchangeView } from "./exchange";
import type { Live } from "./live";
import type { ChatWhole, Say } from "./queries";
import { branchOf, exchangesOf } from "./tree";

export interface ThreadActions {
  send: (what: Say) => void;
  showBranch: (leaf: string) => void;
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
  const exchanges = useMemo(() => exchangesOf(branchOf(chat.messages, leaf)), [chat.messages, leaf]);
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
            return (
              <ExchangeView
                key={question ?? exchange.replies[0]?.id ?? index}
                exchange={exchange}
                chat={chat}
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
