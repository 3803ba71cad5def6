// A question and its answer; or two answers side by side.
import { memo, useState } from "react";
import { type Answer, answerOf, answerText } from "./answer";
import { AnswerActions } from "./answer-actions";
import { AnswerView } from "./answer-view";
import { Compare } from "./compare";
import { Editor } from "@/components/editor";
import type { Live } from "./live";
import { QuestionView } from "./question";
import { type ChatWhole, judge } from "./queries";
import type { ThreadActions } from "./thread";
import { type Exchange, type Message, leafUnder, textOf, versionsOf } from "./tree";

interface Props {
  exchange: Exchange;
  chat: ChatWhole;
  live: Live | null;
  heard: Answer | null;
  compared: boolean;
  last: boolean;
  busy: boolean;
  actions: ThreadActions;
  context: number | null;
}

export const ExchangeView = memo(
  function ExchangeView(props: Props) {
    const { exchange, chat, live, heard, compared, last, busy, actions, context } = props;
    const { question, replies } = exchange;
    const [editing, setEditing] = useState(false);
    const [chosen, setComparing] = useState<boolean | null>(null);
    const comparing = chosen ?? compared;
    const answer = shownAnswer(replies, live, heard);
    const first = live ? undefined : replies.find((reply) => reply.role === "assistant");
    const end = replies.findLast((reply) => reply.role === "assistant");
    const versions = first ? versionsOf(chat.messages, first) : [];
    const show = (message: Message) => actions.showBranch(leafUnder(chat.messages, message.id));
    const canCompare = versions.length > 1 && !live;
    return (
      <article className="exchange flex flex-col gap-3">
        {question && (
          <QuestionView
            question={question}
            versions={versionsOf(chat.messages, question)}
            busy={busy}
            onShow={show}
            onEdit={(text) => actions.send({ text, beside: question.id })}
          />
        )}
        {comparing && canCompare && question ? (
          <Compare
            answers={versions}
            messages={chat.messages}
            onCite={actions.cite}
            onChoose={(message) => {
              setComparing(false);
              show(message);
            }}
            onClose={() => setComparing(false)}
          />
        ) : editing && end ? (
          <Editor
            label="Edit the answer"
            text={textOf(end)}
            save="Save as what it should have been"
            onCancel={() => setEditing(false)}
            onSave={async (text) => {
              await actions.editAnswer(end.id, text);
              setEditing(false);
            }}
          />
        ) : (
          answer && (
            <>
              <AnswerView
                answer={answer}
                turn={live?.turn ?? null}
                connected={live?.connected ?? true}
                question={question ? textOf(question) : ""}
                onCite={(number) => actions.cite(answer.sources, number)}
                onKeep={end && !live ? (code) => void judge(end.id, "kept", code) : undefined}
                onIntent={question ? (intent) => actions.send({ again: question.id, intent }) : undefined}
                busy={busy}
              />
              {!live && end && (
                <AnswerActions
                  answer={answer}
                  message={end}
                  thumb={thumbOf(chat, end)}
                  chat={chat.id}
                  versions={versions}
                  current={first}
                  context={context}
                  onShow={show}
                  onAgain={(how) => question && actions.send({ again: question.id, ...how })}
                  onContinue={last ? () => actions.send({ continue: end.id }) : undefined}
                  onEdit={() => setEditing(true)}
                  onCompare={canCompare ? () => setComparing(true) : undefined}
                  busy={busy}
                />
              )}
            </>
          )
        )}
      </article>
    );
  },
  // The answers that do not change are not drawn again while another one grows.
  (a, b) =>
    sameMessages(a.exchange, b.exchange) &&
    a.live === b.live &&
    a.heard === b.heard &&
    a.compared === b.compared &&
    a.busy === b.busy &&
    a.last === b.last &&
    a.context === b.context &&
    a.actions === b.actions &&
    a.chat.messages === b.chat.messages &&
    a.chat.feedback === b.chat.feedback,
);

function sameMessages(a: Exchange, b: Exchange): boolean {
  return (
    a.question === b.question &&
    a.replies.length === b.replies.length &&
    a.replies.every((reply, i) => reply === b.replies[i])
  );
}

/** What goes on, or what was kept; and more than that, where this page has heard more before the server ended. */
function shownAnswer(replies: Message[], live: Live | null, heard: Answer | null): Answer | null {
  if (live) return live.answer;
  const kept = replies.length > 0 ? answerOf(replies) : null;
  if (heard && (!kept || answerText(heard).length > answerText(kept).length)) {
    return { ...heard, state: "interrupted" };
  }
  return kept;
}

function thumbOf(chat: ChatWhole, message: Message): "up" | "down" | null {
  const thumbs = chat.feedback.filter(
    (row) => row.message === message.id && (row.kind === "up" || row.kind === "down"),
  );
  return (thumbs.at(-1)?.kind as "up" | "down" | undefined) ?? null;
}
