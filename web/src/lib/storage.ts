// What this browser remembers: drafts, the theme, open panels. Losing it loses nothing that matters.
import { useCallback, useState } from "react";

export function remember(name: string, value: string | null): void {
  try {
    if (value) localStorage.setItem(`hone.${name}`, value);
    else localStorage.removeItem(`hone.${name}`);
  } catch {
    // A browser without storage works, only without memory.
  }
}

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`hone.${name}`);
  } catch {
    return null;
  }
}

/** A state that outlives the page. */
export function useRemembered<T extends string>(name: string, initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => (remembered(name) as T | null) ?? initial);
  const set = useCallback(
    (next: T) => {
      remember(name, next);
      setValue(next);
    },
    [name],
  );
  return [value, set];
}
