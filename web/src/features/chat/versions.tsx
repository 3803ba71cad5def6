// Switches between the versions of a message.
import { ChevronLeft, ChevronRight } from "lucide-react";
import { IconButton } from "@/components/ui/button";
import type { Message } from "./tree";

interface Props {
  versions: Message[];
  current: Message | undefined;
  what: "question" | "answer";
  busy: boolean;
  onShow: (message: Message) => void;
}

export function Versions({ versions, current, what, busy, onShow }: Props) {
  if (!current || versions.length < 2) return null;
  const at = versions.findIndex(({ id }) => id === current.id);
  const [before, after] = [versions[at - 1], versions[at + 1]];
  return (
    <span
      className="text-muted inline-flex items-center text-xs tabular-nums"
      role="group"
      aria-label={`Versions of the ${what}`}
    >
      <IconButton label={`Previous ${what}`} disabled={busy || !before} onClick={() => before && onShow(before)}>
        <ChevronLeft size={14} />
      </IconButton>
      {at + 1}/{versions.length}
      <IconButton label={`Next ${what}`} disabled={busy || !after} onClick={() => after && onShow(after)}>
        <ChevronRight size={14} />
      </IconButton>
    </span>
  );
}
