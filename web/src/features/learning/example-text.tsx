// One example in full: the question, the answer that is learned, and a way to better it.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Pencil } from "lucide-react";
import { useState } from "react";
import { Editor } from "@/components/editor";
import { Markdown } from "@/components/markdown/markdown";
import { Button } from "@/components/ui/button";
import { Spinner } from "@/components/ui/feedback";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { visible } from "@/lib/visible";

type Message = Schemas["MessageObject"];

interface Props {
  chat: string;
  message: string;
}

/** The key of the mutation that replaces this answer by a better one. */
export const bettering = (message: string) => ["better", message];

export function ExampleText(props: Props) {
  const [open, setOpen] = useState(false);
  return (
    <details className="mt-1 text-xs" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="text-muted w-fit">Look at it, or better it</summary>
      {open && <Text {...props} />}
    </details>
  );
}

function Text({ chat, message }: Props) {
  const client = useQueryClient();
  const [editing, setEditing] = useState(false);
  const { data, error } = useQuery({
    queryKey: ["chat", chat],
    queryFn: () => unwrap(api.GET("/api/chats/{chat}", { params: { path: { chat } } })),
  });
  const save = useMutation({
    mutationKey: bettering(message),
    mutationFn: async (text: string) => {
      await unwrap(api.POST("/api/messages/{message}/edit", { params: { path: { message } }, body: { text } }));
      for (const queryKey of [["chat", chat], ["learn"]]) void client.invalidateQueries({ queryKey });
      // The new version is an example of its own: this one has ended when the list shows that one.
      await client.invalidateQueries({ queryKey: ["export"] });
      setEditing(false);
    },
  });
  if (error) return <p className="text-danger mt-1.5">{error.message}</p>;
  if (!data) return <Spinner label="Loading the example" />;
  const { question, answer } = exampleIn(data.messages, message);
  if (!answer) return <p className="text-muted mt-1.5">It is no longer there.</p>;
  return (
    <div className="border-line mt-2 flex flex-col gap-2 border-l-2 pl-3">
      <p className="break-words whitespace-pre-wrap">{visible(question)}</p>
      {editing ? (
        <Editor
          label="Edit the answer"
          text={answer}
          save="Learn this instead"
          onSave={save.mutateAsync}
          onCancel={() => setEditing(false)}
        />
      ) : (
        <>
          <Markdown text={answer} />
          <div className="flex items-center gap-3">
            <Button size="sm" onClick={() => setEditing(true)}>
              <Pencil size={12} /> Edit the answer
            </Button>
            <Link to="/c/$chat" params={{ chat }} className="text-accent underline underline-offset-2">
              Open the conversation
            </Link>
          </div>
        </>
      )}
    </div>
  );
}

const textOf = (message: Message | undefined) => message?.spans.map((span) => span.text).join("") ?? "";

/** The answer, and the question above it. */
export function exampleIn(messages: Message[], id: string): { question: string; answer: string } {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const answer = byId.get(id);
  let at = answer;
  for (let steps = 0; at && at.role !== "user" && steps < messages.length; steps++) {
    at = at.parent ? byId.get(at.parent) : undefined;
  }
  return { question: textOf(at), answer: textOf(answer) };
}
