// All conversations: pinned, in folders, by time; found by any word in them.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Pin, Search } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { Input } from "@/components/ui/field";
import { Problem } from "@/components/ui/feedback";
import { ago } from "@/lib/format";
import { visible } from "@/lib/visible";
import { isGoing } from "./delete-chat";
import { ImportChats } from "./import";
import { type Chat, chatsQuery, foundQuery } from "./queries";

export function ChatList({ onChoose }: { onChoose?: () => void }) {
  const [asked, setAsked] = useState("");
  const words = useDeferredValue(asked.trim());
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex items-center gap-1 px-2.5 pb-2">
        <div className="relative flex-1">
          <Search size={13} className="text-muted pointer-events-none absolute top-2.5 left-2.5" />
          <Input
            type="search"
            aria-label="Search conversations"
            placeholder="Search"
            value={asked}
            onChange={(event) => setAsked(event.target.value)}
            className="pl-7.5"
          />
        </div>
        <ImportChats />
      </div>
      <nav aria-label="Conversations" className="min-h-0 flex-1 overflow-y-auto px-1.5 pb-2">
        {words ? <Found words={words} onChoose={onChoose} /> : <All onChoose={onChoose} />}
      </nav>
    </div>
  );
}

function All({ onChoose }: { onChoose?: () => void }) {
  const { data, error } = useQuery(chatsQuery);
  if (error && !data) return <Problem error={error} className="m-1" />;
  const chats = data?.filter(({ id }) => !isGoing(id)) ?? [];
  if (data && chats.length === 0)
    return (
      <p className="text-muted px-2.5 py-2 text-xs">Conversations will stand here. They are kept on this machine.</p>
    );
  return grouped(chats).map(([heading, members]) => (
    <section key={heading} className="mb-2">
      <h2 className="text-muted px-2.5 py-1 text-2xs font-medium">{visible(heading)}</h2>
      <ul>
        {members.map((chat) => (
          <li key={chat.id}>
            <Link
              to="/c/$chat"
              params={{ chat: chat.id }}
              onClick={onChoose}
              className={ITEM}
              activeProps={{ className: "bg-hover text-ink font-medium" }}
            >
              <span className="min-w-0 flex-1 truncate">{visible(chat.title) || "Untitled"}</span>
              {chat.pinned && <Pin size={11} className="text-muted shrink-0" aria-label="pinned" />}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  ));
}

const ITEM = "hover:bg-hover flex items-center gap-2 rounded-md px-2.5 py-1.5 text-sm";

/** Pinned, then folders by name, then by age. */
export function grouped(chats: Chat[], now = Date.now()): [string, Chat[]][] {
  const groups = new Map<string, Chat[]>();
  const heading = (chat: Chat) => {
    if (chat.pinned) return "Pinned";
    if (chat.folder) return chat.folder;
    const days = (now - new Date(chat.updated).getTime()) / 86_400_000;
    return days < 1 ? "Today" : days < 7 ? "This week" : days < 31 ? "This month" : "Older";
  };
  for (const chat of chats) groups.set(heading(chat), [...(groups.get(heading(chat)) ?? []), chat]);
  const rank = (name: string) => ["Pinned", "", "Today", "This week", "This month", "Older"].indexOf(name);
  const place = (name: string) => (rank(name) < 0 ? 1 : rank(name));
  return [...groups].sort(([a], [b]) => place(a) - place(b) || a.localeCompare(b));
}

function Found({ words, onChoose }: { words: string; onChoose?: () => void }) {
  const { data, error } = useQuery(foundQuery(words));
  if (error) return <Problem error={error} className="m-1" />;
  const found = data?.filter(({ chat }) => !isGoing(chat)) ?? [];
  if (data && found.length === 0)
    return <p className="text-muted px-2.5 py-2 text-xs">No message has all of these words.</p>;
  return (
    <ul>
      {found.map((hit) => (
        <li key={hit.message}>
          <Link
            to="/c/$chat"
            params={{ chat: hit.chat }}
            onClick={onChoose}
            className="hover:bg-hover block rounded-md px-2.5 py-1.5"
          >
            <span className="flex gap-2">
              <span className="min-w-0 flex-1 truncate">{visible(hit.title) || "Untitled"}</span>
              <span className="text-muted text-2xs">{ago(hit.created)}</span>
            </span>
            <span className="text-muted line-clamp-2 text-xs">
              {hit.snippet.map(({ text, marked }, index) =>
                marked ? (
                  <mark key={index} className="bg-accent-soft text-accent rounded-sm">
                    {visible(text)}
                  </mark>
                ) : (
                  visible(text)
                ),
              )}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
