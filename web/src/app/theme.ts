// Light, dark, or as the system has it.
import { useSyncExternalStore } from "react";
import { remember, remembered } from "@/lib/storage";

export type Theme = "system" | "light" | "dark";

const system = () => matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let theme = (remembered("theme") as Theme | null) ?? "system";

/** What is seen now. */
export const isDark = () => theme === "dark" || (theme === "system" && system().matches);

export function applyTheme(): void {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
}

/** Applies it, and follows the system from now on. */
export function beginTheme(): void {
  applyTheme();
  system().addEventListener("change", applyTheme);
}

function setTheme(next: Theme): void {
  theme = next;
  remember("theme", next);
  applyTheme();
  listeners.forEach((tell) => tell());
}

const subscribe = (tell: () => void) => {
  listeners.add(tell);
  return () => listeners.delete(tell);
};

/** The one theme of the page, wherever it is shown or changed. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(subscribe, () => theme), setTheme];
}
