// The sidebar: pages, conversations, and how the server is.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Keyboard, Plus, Search } from "lucide-react";
import { IconButton } from "@/components/ui/button";
import { ChatList } from "@/features/chat/chat-list";
import { cx } from "@/lib/class-names";
import { adaptersQuery, serverQuery } from "@/lib/api/queries";
import { shown } from "@/lib/hotkeys";
import { PAGES } from "./pages";

interface Props {
  onPalette: () => void;
  onHelp: () => void;
  onChoose: () => void;
}

export function Sidebar({ onPalette, onHelp, onChoose }: Props) {
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex h-11 shrink-0 items-center gap-1 pr-2 pl-4">
        <Link
          to="/"
          onClick={onChoose}
          className="flex flex-1 items-center gap-2 text-base font-semibold tracking-tight"
        >
          <img src="/assets/icon.svg" alt="" className="size-5" /> hone
        </Link>
        <IconButton label={`Find anything (${shown("mod+k").join(" ")})`} onClick={onPalette}>
          <Search size={15} />
        </IconButton>
        <IconButton label="Keyboard shortcuts (?)" onClick={onHelp}>
          <Keyboard size={15} />
        </IconButton>
      </div>
      <div className="px-2.5 pb-2">
        <Link
          to="/"
          onClick={onChoose}
          className="border-line bg-raised hover:bg-hover flex h-8 items-center justify-center gap-1.5 rounded-md border font-medium transition-colors"
        >
          <Plus size={14} /> New conversation
        </Link>
      </div>
      <nav aria-label="Pages" className="px-1.5 pb-3">
        <ul>
          {PAGES.slice(1).map(({ to, name, icon: Icon }) => (
            <li key={to}>
              <Link
                to={to}
                onClick={onChoose}
                className="text-muted hover:bg-hover hover:text-ink flex items-center gap-2.5 rounded-md px-2.5 py-1.5"
                activeProps={{ className: "bg-hover text-ink font-medium" }}
              >
                <Icon size={15} /> {name}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <ChatList onChoose={onChoose} />
      <ServerState onChoose={onChoose} />
    </div>
  );
}

function ServerState({ onChoose }: { onChoose: () => void }) {
  const { data: server, error } = useQuery(serverQuery);
  const adapters = useQuery(adaptersQuery).data;
  const now = error ? "away" : (server?.state ?? "loading");
  const adapter = adapters?.adapters.find(({ id }) => id === adapters.in_use)?.name;
  const texts: Record<string, string> = {
    away: "hone does not answer",
    loading: `Loading ${server?.model ?? ""}`,
    failed: server?.reason ?? "The model could not be loaded",
    ready: server?.remote ? `${server.remote} (elsewhere)` : [server?.model, adapter].filter(Boolean).join(" · "),
  };
  const dots: Record<string, string> = {
    away: "bg-danger",
    failed: "bg-danger",
    loading: "bg-warn animate-pulse",
    ready: "bg-good",
  };
  return (
    <div className="border-line border-t p-1.5" role="status">
      <Link
        to="/models"
        onClick={onChoose}
        title={texts[now]}
        className="hover:bg-hover flex items-center gap-2 rounded-md px-2.5 py-1.5"
      >
        <span className={cx("size-2 shrink-0 rounded-full", dots[now])} aria-hidden />
        <span className="min-w-0 flex-1 truncate text-xs">{texts[now]}</span>
      </Link>
    </div>
  );
}
