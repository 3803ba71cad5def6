// The list of shortcuts.
import { Dialog } from "@/components/ui/dialog";
import { type Hotkey, shown } from "@/lib/hotkeys";

const IN_CHAT: Pick<Hotkey, "keys" | "does">[] = [
  { keys: "enter", does: "Send" },
  { keys: "shift+enter", does: "New line" },
  { keys: "escape", does: "Stop the answer" },
  { keys: "mod+enter", does: "Save what is being edited" },
];

export function Shortcuts({ open, onClose, hotkeys }: { open: boolean; onClose: () => void; hotkeys: Hotkey[] }) {
  return (
    <Dialog open={open} onClose={onClose} title="Keyboard shortcuts">
      <div className="grid gap-x-8 sm:grid-cols-2">
        <List entries={hotkeys} />
        <List entries={IN_CHAT} />
      </div>
    </Dialog>
  );
}

function List({ entries }: { entries: Pick<Hotkey, "keys" | "does">[] }) {
  return (
    <dl>
      {entries.map(({ keys, does }) => (
        <div key={keys} className="flex items-center gap-2 py-1">
          <dt className="flex-1">{does}</dt>
          <dd>
            <Keys keys={keys} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Keys({ keys }: { keys: string }) {
  return (
    <span className="flex gap-1">
      {shown(keys).map((key, index) => (
        <kbd
          key={index}
          className="bg-panel border-line text-muted min-w-5 rounded border px-1 text-center font-sans text-2xs"
        >
          {key}
        </kbd>
      ))}
    </span>
  );
}
