// Shortcuts: one list, which is also what `?` shows.
import { useEffect, useRef } from "react";

export interface Hotkey {
  /** `mod+k`, `?`, `escape`; two keys after another: `g k`. */
  keys: string;
  does: string;
  run: () => void;
  /** Also while something is being typed. */
  whileTyping?: boolean;
}

const isMac = typeof navigator !== "undefined" && /mac/i.test(navigator.platform);

/** As it is shown: `⌘ K` on a Mac, `Ctrl K` elsewhere. */
export function shown(keys: string): string[] {
  const names: Record<string, string> = { mod: isMac ? "⌘" : "Ctrl", shift: "Shift", enter: "Enter", escape: "Esc" };
  return keys.split(/[+ ]/).map((key) => names[key] ?? key.toUpperCase());
}

/** The chord that an event is. */
export function chord(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">): string {
  const key = event.key.toLowerCase();
  const parts = [event.ctrlKey || event.metaKey ? "mod" : "", event.altKey ? "alt" : ""];
  // `?` is a key of its own; Shift is told only beside others.
  if (event.shiftKey && (key.length > 1 || event.ctrlKey || event.metaKey)) parts.push("shift");
  return [...parts.filter(Boolean), key].join("+");
}

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
  );
}

/** Whether a key is meant for an open menu or dialog: letters go to an entry of a menu, Escape closes it. */
function isFloating(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('[role="menu"], [role="dialog"]') !== null;
}

const SECOND_KEY_MS = 1200;

export function useHotkeys(hotkeys: Hotkey[]): void {
  const current = useRef(hotkeys);
  useEffect(() => {
    current.current = hotkeys;
  });
  useEffect(() => {
    let first = "";
    let at = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || ["Shift", "Control", "Meta", "Alt"].includes(event.key)) return;
      const pressed = chord(event);
      const pair = first && event.timeStamp - at < SECOND_KEY_MS ? `${first} ${pressed}` : "";
      const [typing, floating] = [isTyping(event.target), isFloating(event.target)];
      const holds = ({ keys, whileTyping }: Hotkey) =>
        floating ? keys.startsWith("mod+") : !typing || whileTyping === true;
      const hit = current.current.find((key) => (key.keys === pressed || key.keys === pair) && holds(key));
      [first, at] = [hit || typing || floating ? "" : pressed, event.timeStamp];
      if (!hit) return;
      event.preventDefault();
      hit.run();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
