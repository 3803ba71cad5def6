// The command palette: pages, actions, conversations by title and by any word in them.
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command, FileText, MessageSquare } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useDeferredValue, useId, useState } from "react";
import { TopPanel } from "@/components/ui/dialog";
import { chatsQuery, foundQuery } from "@/features/chat/queries";
import { cx } from "@/lib/class-names";
import type { Hotkey } from "@/lib/hotkeys";
import { visible } from "@/lib/visible";
import { Keys } from "./shortcuts";

interface Item {
  id: string;
  label: string;
  hint?: string;
  icon: ReactNode;
  keys?: string;
  run: () => void;
}

export default function Palette({ onClose, hotkeys }: { onClose: () => void; hotkeys: Hotkey[] }) {
  const [asked, setAsked] = useState("");
  const [at, setAt] = useState(0);
  const items = useItems(asked, hotkeys);
  const list = useId();
  const chosen = Math.min(at, items.length - 1);
  const run = (item: Item | undefined) => {
    if (!item) return;
    onClose();
    item.run();
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((chosen + step + items.length) % Math.max(1, items.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(items[chosen]);
    }
  };
  return (
    <TopPanel open onClose={onClose} label="Find anything">
      <input
        autoFocus
        role="combobox"
        aria-expanded
        aria-controls={list}
        aria-activedescendant={items[chosen] && `${list}-${chosen}`}
        aria-label="Find anything"
        placeholder="Pages, actions, conversations"
        value={asked}
        onChange={(event) => {
          setAsked(event.target.value);
          setAt(0);
        }}
        onKeyDown={press}
        className="border-line placeholder:text-muted h-12 w-full border-b bg-transparent px-4 text-base outline-none"
      />
      <ul id={list} role="listbox" aria-label="Found" className="max-h-[55dvh] overflow-y-auto p-1.5">
        {items.map((item, index) => (
          <li
            key={item.id}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === chosen}
            ref={index === chosen ? (entry) => entry?.scrollIntoView?.({ block: "nearest" }) : undefined}
            onClick={() => run(item)}
            onPointerMove={() => setAt(index)}
            className={cx(
              "flex cursor-default items-center gap-2.5 rounded-md px-2.5 py-1.5",
              index === chosen && "bg-hover",
            )}
          >
            <span className="text-muted">{item.icon}</span>
            <span className="min-w-0 flex-1 truncate">
              {visible(item.label)}
              {item.hint && <span className="text-muted ml-2 text-xs">{visible(item.hint)}</span>}
            </span>
            {item.keys && <Keys keys={item.keys} />}
          </li>
        ))}
      </ul>
      {items.length === 0 && <p className="text-muted px-4 pb-3">Nothing has these words.</p>}
    </TopPanel>
  );
}

function useItems(asked: string, hotkeys: Hotkey[]): Item[] {
  const navigate = useNavigate();
  const chats = useQuery(chatsQuery).data ?? [];
  // Only what the server searches may lag behind: Enter takes the first of what is typed.
  const found = useQuery(foundQuery(useDeferredValue(asked))).data ?? [];
  const open = (chat: string) => () => void navigate({ to: "/c/$chat", params: { chat } });
  const has = (text: string) =>
    asked
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.toLowerCase().includes(word));
  const actions = hotkeys.filter(({ does, keys }) => has(does) && keys !== "mod+k");
  return [
    ...actions.map(({ does, keys, run }) => ({ id: keys, label: does, keys, run, icon: <Command size={14} /> })),
    ...chats
      .filter(({ title }) => has(title))
      .slice(0, 8)
      .map(({ id, title }) => ({ id, label: title || "Untitled", icon: <MessageSquare size={14} />, run: open(id) })),
    ...found.slice(0, 8).map((hit) => ({
      id: hit.message,
      label: hit.snippet.map(({ text }) => text).join(""),
      hint: hit.title,
      icon: <FileText size={14} />,
      run: open(hit.chat),
    })),
  ];
}
