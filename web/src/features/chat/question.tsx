// What the user said, with its files, its versions, and the way to change it.
import { Copy, FileText, Pencil } from "lucide-react";
import { useState } from "react";
import { IconButton } from "@/components/ui/button";
import { tell, tellError } from "@/components/ui/toast";
import { copyText } from "@/lib/clipboard";
import { visible } from "@/lib/visible";
import { splitAttachments, withAttachments } from "./attachments";
import { Editor } from "@/components/editor";
import { type Message, textOf } from "./tree";
import { Versions } from "./versions";

interface Props {
  question: Message;
  versions: Message[];
  busy: boolean;
  onShow: (message: Message) => void;
  onEdit: (text: string) => Promise<void>;
}

export function QuestionView({ question, versions, busy, onShow, onEdit }: Props) {
  const [editing, setEditing] = useState(false);
  const { text, attachments } = splitAttachments(textOf(question));
  if (editing) {
    return (
      <Editor
        label="Edit the question"
        text={text}
        save="Ask this instead"
        onCancel={() => setEditing(false)}
        onSave={async (next) => {
          await onEdit(withAttachments(next, attachments));
          setEditing(false);
        }}
      />
    );
  }
  return (
    <div className="group flex flex-col items-end gap-1">
      <div className="bg-panel border-line max-w-[92%] rounded-xl border px-3.5 py-2.5 text-base break-words whitespace-pre-wrap">
        <span className="sr-only">You: </span>
        {visible(text)}
        {attachments.map((file) => (
          <details key={file.name} className="border-line bg-raised mt-2 rounded-md border text-xs">
            <summary className="text-muted flex items-center gap-1.5 px-2 py-1">
              <FileText size={13} /> <span className="truncate">{visible(file.name)}</span>
            </summary>
            <pre
              className="max-h-64 overflow-auto border-t px-2 py-1.5 font-mono"
              tabIndex={0}
              aria-label={`Text of ${file.name}`}
            >
              {visible(file.text)}
            </pre>
          </details>
        ))}
      </div>
      <div className="flex items-center gap-0.5 opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
        <Versions versions={versions} current={question} onShow={onShow} busy={busy} what="question" />
        <IconButton
          label="Copy the question"
          onClick={() => void copyText(text).then(() => tell("The question is in the clipboard."), tellError)}
        >
          <Copy size={14} />
        </IconButton>
        <IconButton label="Edit the question" disabled={busy} onClick={() => setEditing(true)}>
          <Pencil size={14} />
        </IconButton>
      </div>
    </div>
  );
}
