// A question and its answer; or two answers side by side.
import { memo, useCallback, useMemo, useState } from "react";
import { Editor } from "@/components/editor";
import { type Answer, answerOf, answerText } from "./answer";
import { AnswerActions } from "./answer-actions";
import { AnswerView } from "./answer-view";
import { Compare } from "./compare";
import type { Live } from "./live";
import { QuestionView } from "./question";
import { judge } from "./queries";
import type { ThreadActions } from "./thread";
import { type Message, type Shown, textOf } from "./tree";

interface Props {
  exchange: Shown;
  chat: string;
  live: Live | null;
  heard: Answer | null;
  compared: boolean;
  thumb: "up" | "down" | null;
  last: boolean;
  busy: boolean;
  actions: ThreadActions;
  context: number | null;
}

/** Those that do not change are not drawn again while another one grows. */
export const ExchangeView = memo(function ExchangeView(props: Props) {
  const { exchange, live, compared, busy, actions } = props;
  const { question, replies, questions } = exchange;
  const [editing, setEditing] = useState(false);
  const [chosen, setComparing] = useState<boolean | null>(null);
  const versions = live ? [] : exchange.answers;
  const end = replies.findLast((reply) => reply.role === "assistant");
  const canCompare = versions.length > 1;
  return (
    <article className="exchange flex flex-col gap-3">
      {question && (
        <QuestionView
          question={question}
          versions={questions}
          busy={busy}
          onShow={actions.show}
          onEdit={(text) => actions.ask({ text, beside: question.id })}
        />
      )}
      {(chosen ?? compared) && canCompare && question ? (
        <Compare
          answers={versions}
          messages={actions.messages()}
          onCite={actions.cite}
          onChoose={(message) => {
            setComparing(false);
            actions.show(message);
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
        <AnswerPart
          {...props}
          end={end}
          versions={versions}
          onEdit={() => setEditing(true)}
          onCompare={canCompare ? () => setComparing(true) : undefined}
        />
      )}
    </article>
  );
});

interface PartProps extends Props {
  /** The last message of the answer. */
  end: Message | undefined;
  versions: Message[];
  onEdit: () => void;
  onCompare?: () => void;
}

/** The answer with what can be done with it. */
function AnswerPart({ exchange, chat, live, heard, thumb, last, busy, actions, context, end, ...rest }: PartProps) {
  const { question, replies } = exchange;
  const kept = useMemo(() => (replies.length > 0 ? answerOf(replies) : null), [replies]);
  const answer = live ? live.answer : longer(kept, heard);
  const sources = answer?.sources;
  const cite = useCallback((number: number) => sources && actions.cite(sources, number), [actions, sources]);
  const id = live ? undefined : end?.id;
  const keep = useMemo(() => (id ? (code: string) => judge(id, "kept", code) : undefined), [id]);
  if (!answer) return null;
  return (
    <>
      <AnswerView
        answer={answer}
        turn={live?.turn ?? null}
        connected={live?.connected ?? true}
        question={question ? textOf(question) : ""}
        onCite={cite}
        onKeep={keep}
        onIntent={question ? (intent) => actions.send({ again: question.id, intent }) : undefined}
        busy={busy}
      />
      {!live && end && (
        <AnswerActions
          {...rest}
          answer={answer}
          message={end}
          thumb={thumb}
          chat={chat}
          current={exchange.replies.find((reply) => reply.role === "assistant")}
          context={context}
          onShow={actions.show}
          onAgain={(how) => question && actions.send({ again: question.id, ...how })}
          onContinue={last ? () => actions.send({ continue: end.id }) : undefined}
          busy={busy}
        />
      )}
    </>
  );
}

/** What was kept; or more than that, where this page has heard more before the server ended. */
function longer(kept: Answer | null, heard: Answer | null): Answer | null {
  if (heard && (!kept || answerText(heard).length > answerText(kept).length)) {
    return { ...heard, state: "interrupted" };
  }
  return kept;
}
