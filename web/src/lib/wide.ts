// Whether the window is at least so wide.
import { useCallback, useSyncExternalStore } from "react";

export function useWide(width: string): boolean {
  const query = `(min-width: ${width})`;
  const subscribe = useCallback(
    (tell: () => void) => {
      const list = matchMedia(query);
      list.addEventListener("change", tell);
      return () => list.removeEventListener("change", tell);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}
