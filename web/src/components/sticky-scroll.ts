// Keeps the end of a growing text in sight, until the reader scrolls away.
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const NEAR = 48;

export function useStickyScroll(
  box: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
  key: string,
) {
  const [away, setAway] = useState(false);
  const stuck = useRef(true);
  const top = useRef(0);
  const toBottom = useCallback(() => {
    stuck.current = true;
    setAway(false);
    box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [box]);

  // A new question is always in sight.
  useLayoutEffect(toBottom, [key, toBottom]);

  useEffect(() => {
    const [outer, inner] = [box.current, content.current];
    if (!outer || !inner) return;
    const moved = () => {
      const atEnd = outer.scrollHeight - outer.scrollTop - outer.clientHeight < NEAR;
      // Only a way up that the reader went unsticks it: growing text moves the end away too.
      if (outer.scrollTop < top.current - 2 && !atEnd) stuck.current = false;
      if (atEnd) stuck.current = true;
      top.current = outer.scrollTop;
      setAway(!stuck.current);
    };
    const grown = new ResizeObserver(() => {
      if (stuck.current) outer.scrollTop = outer.scrollHeight;
    });
    outer.addEventListener("scroll", moved, { passive: true });
    grown.observe(inner);
    grown.observe(outer);
    return () => {
      outer.removeEventListener("scroll", moved);
      grown.disconnect();
    };
  }, [box, content]);
  return { away, toBottom };
}
