// Light, dark, or as the system has it.
import { useEffect } from "react";
import { remembered, useRemembered } from "@/lib/storage";

export type Theme = "system" | "light" | "dark";

const system = () => matchMedia("(prefers-color-scheme: dark)");

export function applyTheme(theme = (remembered("theme") as Theme | null) ?? "system"): void {
  const dark = theme === "dark" || (theme === "system" && system().matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useRemembered<Theme>("theme", "system");
  useEffect(() => {
    applyTheme(theme);
    const follow = () => applyTheme(theme);
    const query = system();
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, [theme]);
  return [theme, setTheme];
}
