// Where a message is written: text, files, and how it shall be answered. What was typed is kept until it is on the server.
import { ArrowUp, Paperclip, Square, X } from "lucide-react";
import { type ClipboardEvent, type DragEvent, type KeyboardEvent, useLayoutEffect, useRef, useState } from "react";
import { IconButton } from "@/components/ui/button";
import { Problem } from "@/components/ui/feedback";
import { tellError } from "@/components/ui/toast";
import { cx } from "@/lib/class-names";
import { useRemembered } from "@/lib/storage";
import { visible } from "@/lib/visible";
import { type Attachment, readAttachment, withAttachments } from "./attachments";
import { ComposerOptions, type Options, DEFAULT_OPTIONS } from "./composer-options";
import type { ChatWhole, Say } from "./queries";

interface Props {
  /** The name that the draft is kept under. */
  draft: string;
  chat?: ChatWhole;
  onSend: (what: Say, sideBySide: boolean) => Promise<void>;
  /** Present while an answer is being written. */
  onStop?: () => void;
}

export function Composer({ draft, chat, onSend, onStop }: Props) {
  const [text, setText] = useRemembered<string>(`draft.${draft}`, "");
  const [files, setFiles] = useState<Attachment[]>([]);
  const [options, setOptions] = useState<Options>(DEFAULT_OPTIONS);
  const [web, setWeb] = useRemembered<"off" | "ask" | "on">("web", "ask");
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [over, setOver] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  useGrowing(box, text);
  const ready = (text.trim() !== "" || files.length > 0) && !sending && !onStop;

  const attach = async (list: Iterable<File>) => {
    for (const file of list) {
      const read = await readAttachment(file);
      if (typeof read === "string") tellError(read);
      else setFiles((known) => [...known.filter(({ name }) => name !== read.name), read]);
    }
  };
  const send = async () => {
    if (!ready) return;
    setSending(true);
    setError(null);
    const { intent, adapter, tools } = options;
    const how = { ...(intent !== "auto" && { intent }), ...(adapter && { adapter }), ...(tools !== null && { tools }) };
    try {
      await onSend({ text: withAttachments(text.trim(), files), web, ...how }, options.sideBySide);
      // What was written and attached while it was on its way stays.
      const now = box.current?.value ?? text;
      setText(now.startsWith(text) ? now.slice(text.length).trimStart() : now);
      setFiles((known) => known.filter((file) => !files.includes(file)));
      setOptions({ ...options, intent: "auto" });
    } catch (problem) {
      setError(problem);
    }
    setSending(false);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };
  const paste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    void attach(event.clipboardData.files);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void attach(event.dataTransfer.files);
  };
  return (
    <div className="mx-auto w-full max-w-3xl shrink-0 px-3 pb-3 md:px-6 md:pb-4">
      {error !== null && <Problem error={error} className="mb-2" />}
      <div
        onDrop={drop}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        className={cx(
          "bg-raised focus-within:border-strong rounded-xl border shadow-sm transition-colors",
          over ? "border-accent" : "border-line",
        )}
      >
        {files.length > 0 && (
          <ul className="flex flex-wrap gap-1.5 px-3 pt-3" aria-label="Attached files">
            {files.map(({ name }) => (
              <li
                key={name}
                className="bg-panel border-line flex items-center gap-1 rounded-md border py-0.5 pr-0.5 pl-2 text-xs"
              >
                <span className="max-w-52 truncate">{visible(name)}</span>
                <button
                  type="button"
                  aria-label={`Take ${name} away`}
                  className="hover:bg-hover rounded p-0.5"
                  onClick={() => setFiles(files.filter((file) => file.name !== name))}
                >
                  <X size={12} />
                </button>
              </li>
            ))}
          </ul>
        )}
        <textarea
          ref={box}
          id="composer"
          aria-label="Message"
          placeholder={onStop ? "Write the next message while hone answers" : "Ask about your code, or anything"}
          rows={1}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={press}
          onPaste={paste}
          className="placeholder:text-muted block max-h-[40dvh] w-full resize-none bg-transparent px-3.5 pt-3 pb-1 text-base outline-none"
        />
        <div className="flex items-center gap-1 p-1.5">
          <IconButton label="Attach text files" onClick={() => picker.current?.click()}>
            <Paperclip size={15} />
          </IconButton>
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            aria-label="Files to attach"
            onChange={(event) => {
              void attach([...(event.target.files ?? [])]);
              event.target.value = "";
            }}
          />
          <ComposerOptions options={options} onChange={setOptions} web={web} onWeb={setWeb} chat={chat} />
          <span className="flex-1" />
          {onStop ? (
            <button
              type="button"
              onClick={onStop}
              aria-label="Stop the answer"
              title="Stop the answer (Esc)"
              className="bg-ink text-page flex size-8 items-center justify-center rounded-lg"
            >
              <Square size={12} fill="currentColor" />
            </button>
          ) : (
            <button
              type="button"
              onClick={() => void send()}
              disabled={!ready}
              aria-label="Send"
              title="Send (Enter)"
              className="bg-accent text-on-accent disabled:bg-hover disabled:text-muted flex size-8 items-center justify-center rounded-lg transition-colors"
            >
              <ArrowUp size={16} strokeWidth={2.5} />
            </button>
          )}
        </div>
      </div>
    </div>
  );
}

/** The box is as high as its text. */
function useGrowing(box: React.RefObject<HTMLTextAreaElement | null>, text: string) {
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [box, text]);
}
