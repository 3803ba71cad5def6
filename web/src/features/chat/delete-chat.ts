// Deleting a conversation: it is hidden at once, and gone when the way back has gone.
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { tell, tellError } from "@/components/ui/toast";
import { type Chat, chatsQuery, deleteChat } from "./queries";

const UNDO_MS = 8000;
const pending = new Map<string, () => void>();

// A page that closes meanwhile keeps its word.
addEventListener("pagehide", () => pending.forEach((now) => now()));

export function useDeleteChat() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { chat: open } = useParams({ strict: false });
  return (chat: Pick<Chat, "id" | "title">) => {
    const show = () => client.invalidateQueries({ queryKey: ["chats"], exact: true });
    const now = () => {
      if (!pending.delete(chat.id)) return;
      void deleteChat(chat.id)
        .then(
          ({ adapters }) =>
            adapters.length > 0 && tell(`Adapters that had learned from it are marked: ${adapters.join(", ")}.`),
        )
        .catch(tellError)
        .finally(() => void show());
    };
    pending.set(chat.id, now);
    client.setQueryData(chatsQuery.queryKey, (chats) => chats?.filter(({ id }) => id !== chat.id));
    if (open === chat.id) void navigate({ to: "/" });
    const undo = () => {
      pending.delete(chat.id);
      void show();
    };
    tell(`“${chat.title || "Untitled"}” is deleted.`, { ms: UNDO_MS, undo, then: now });
  };
}

/** Whether a conversation is being deleted. */
export const isGoing = (id: string) => pending.has(id);
