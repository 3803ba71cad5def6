// A block of code: its language, copy, keep, and colours once they are loaded.
import { Check, Copy, BookmarkPlus } from "lucide-react";
import { memo, useEffect, useRef, useState } from "react";
import { tellError } from "@/components/ui/toast";
import { copyText } from "@/lib/clipboard";
import { visible } from "@/lib/visible";
import { cx } from "@/lib/class-names";
import { type ColouredLine, colours } from "./highlight";

interface Props {
  language?: string;
  code: string;
  onKeep?: (code: string) => Promise<unknown>;
}

export const CodeBlock = memo(function CodeBlock({ language, code, onKeep }: Props) {
  const [done, setDone] = useState<"copied" | "kept" | null>(null);
  const copy = () => void copyText(code).then(() => setDone("copied"), tellError);
  const keep = () => {
    void onKeep?.(code).then(() => setDone("kept"), tellError);
    // Only the telling matters where the browser does not let this page copy.
    void copyText(code).catch(() => undefined);
  };
  useEffect(() => {
    if (done !== "copied") return;
    const timer = setTimeout(() => setDone(null), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <div className="border-line bg-panel my-3 overflow-hidden rounded-lg border first:mt-0 last:mb-0">
      <div className="border-line text-muted flex h-8 items-center gap-1 border-b pr-1 pl-3 text-xs">
        <span className="flex-1 truncate font-mono">{language ?? "text"}</span>
        {onKeep && (
          <Action onClick={keep} title="Copy, and tell hone that this code was good">
            {done === "kept" ? <Check size={13} /> : <BookmarkPlus size={13} />}
            {done === "kept" ? "Kept" : "Keep"}
          </Action>
        )}
        <Action onClick={copy} title="Copy this code">
          {done === "copied" ? <Check size={13} /> : <Copy size={13} />}
          {done === "copied" ? "Copied" : "Copy"}
        </Action>
      </div>
      <pre
        className="overflow-x-auto px-3 py-2.5 font-mono text-[0.8rem] leading-[1.55]"
        tabIndex={0}
        aria-label="Code"
      >
        <Coloured language={language} code={code} />
      </pre>
    </div>
  );
});

function Action({ onClick, title, children }: { onClick: () => void; title: string; children: React.ReactNode }) {
  return (
    <button
      type="button"
      onClick={onClick}
      title={title}
      className="hover:bg-hover hover:text-ink flex items-center gap-1 rounded px-1.5 py-1"
    >
      {children}
    </button>
  );
}

/** While code streams in, colours follow a few times a second, and more seldom in long blocks. */
const pause = (code: string) => (code.length > 6000 ? 1500 : 250);

function Coloured({ language, code }: { language?: string; code: string }) {
  const [coloured, setColoured] = useState<{ code: string; lines: ColouredLine[] } | null>(null);
  const latest = useRef(code);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    latest.current = code;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      const now = latest.current;
      void colours(now, language).then((lines) => lines && setColoured({ code: now, lines }));
    }, pause(code));
  }, [code, language]);
  useEffect(() => () => clearTimeout(timer.current), []);
  if (!coloured || !code.startsWith(coloured.code)) return <code>{visible(code)}</code>;
  return (
    <code>
      {coloured.lines.map((line, index) => (
        <span key={index}>
          {index > 0 && "\n"}
          {line.map(({ text, kind }, at) => (
            <span key={at} className={cx(kind && `tok-${kind}`)}>
              {visible(text)}
            </span>
          ))}
        </span>
      ))}
      {visible(code.slice(coloured.code.length))}
    </code>
  );
}
