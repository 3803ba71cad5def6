// The title of a conversation, and what can be done with all of it.
import { Download, Ellipsis, FolderInput, GraduationCap, Pin, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { TextField } from "@/components/ui/field";
import { Menu } from "@/components/ui/menu";
import { tellError } from "@/components/ui/toast";
import { cx } from "@/lib/class-names";
import { visible } from "@/lib/visible";
import { useDeleteChat } from "./delete-chat";
import { download, toJson, toMarkdown } from "./export";
import { type ChatWhole, useChangeChat } from "./queries";

export function ChatHeader({ chat }: { chat: ChatWhole }) {
  const change = useChangeChat();
  const remove = useDeleteChat();
  const [filing, setFiling] = useState(false);
  const learn = chat.learn ?? null;
  const shown = visible(chat.title);
  const save = (box: HTMLInputElement) => {
    const title = box.value.trim();
    if (title && title !== shown) change.mutate({ id: chat.id, title });
    else box.value = shown;
  };
  return (
    <header className="border-line flex h-11 shrink-0 items-center gap-1 border-b pr-2 pl-12 md:pl-5">
      <h1 className="min-w-0 flex-1">
        <input
          key={chat.title}
          aria-label="Title"
          defaultValue={shown}
          placeholder="Untitled"
          onBlur={(event) => save(event.target)}
          onKeyDown={(event) => {
            if (event.key === "Escape") event.currentTarget.value = shown;
            if (event.key === "Enter" || event.key === "Escape") event.currentTarget.blur();
          }}
          className="hover:bg-hover focus:bg-raised w-full max-w-md truncate rounded-md bg-transparent px-2 py-1 text-sm font-semibold"
        />
      </h1>
      {chat.folder && <span className="text-muted hidden truncate text-xs sm:block">{visible(chat.folder)}</span>}
      <IconButton
        label={chat.pinned ? "Unpin" : "Pin"}
        aria-pressed={chat.pinned}
        onClick={() => change.mutate({ id: chat.id, pinned: !chat.pinned })}
      >
        <Pin size={15} className={cx(chat.pinned && "fill-current")} />
      </IconButton>
      <Menu
        align="end"
        trigger={
          <IconButton label="More about this conversation">
            <Ellipsis size={16} />
          </IconButton>
        }
        groups={[
          {
            entries: [
              { label: "Folder and project", icon: <FolderInput size={14} />, run: () => setFiling(true) },
              {
                label: "Save as Markdown",
                icon: <Download size={14} />,
                run: () => download(`${fileName(chat)}.md`, toMarkdown(chat)),
              },
              {
                label: "Save as JSON",
                icon: <Download size={14} />,
                run: () =>
                  void toJson(chat)
                    .then((text) => download(`${fileName(chat)}.json`, text))
                    .catch(tellError),
              },
            ],
          },
          {
            heading: "May hone learn from it?",
            entries: [
              {
                label: "As the settings say",
                chosen: learn === null,
                disabled: learn !== null,
                hint: learn !== null ? "Chosen for this conversation already" : undefined,
                run: () => undefined,
              },
              {
                label: "Yes",
                icon: <GraduationCap size={14} />,
                chosen: learn === true,
                run: () => change.mutate({ id: chat.id, learn: true }),
              },
              { label: "No", chosen: learn === false, run: () => change.mutate({ id: chat.id, learn: false }) },
            ],
          },
          { entries: [{ label: "Delete", icon: <Trash2 size={14} />, danger: true, run: () => remove(chat) }] },
        ]}
      />
      {filing && <Filing chat={chat} onClose={() => setFiling(false)} />}
    </header>
  );
}

const fileName = (chat: ChatWhole) =>
  chat.title
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 60) || "conversation";

function Filing({ chat, onClose }: { chat: ChatWhole; onClose: () => void }) {
  const change = useChangeChat();
  const [folder, setFolder] = useState(chat.folder ?? "");
  const [project, setProject] = useState(chat.project ?? "");
  return (
    <Dialog open onClose={onClose} title="Folder and project">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate({ id: chat.id, folder, project }, { onSuccess: onClose });
        }}
      >
        <TextField
          label="Folder"
          help="Conversations of one folder stand together in the list."
          value={folder}
          onText={setFolder}
          placeholder="Work"
        />
        <TextField
          label="Project"
          help="An indexed folder that this conversation is about: only its passages and rules are looked at."
          value={project}
          onText={setProject}
          placeholder="/home/me/project"
        />
        <Button kind="primary" type="submit" disabled={change.isPending} className="self-end">
          Save
        </Button>
      </form>
    </Dialog>
  );
}
