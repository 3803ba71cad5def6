// The sources of an answer: where they are, why they were found, and what they say.
import { useQuery } from "@tanstack/react-query";
import { FileCode2, Globe, X } from "lucide-react";
import { CodeBlock } from "@/components/markdown/code-block";
import { SafeLink, safeAddress } from "@/components/markdown/link";
import { IconButton } from "@/components/ui/button";
import { Problem, Spinner } from "@/components/ui/feedback";
import { cx } from "@/lib/class-names";
import { ApiError, api, unwrap } from "@/lib/api/client";
import type { Source } from "@/lib/api/events";
import { visible } from "@/lib/visible";

interface Props {
  sources: Source[];
  number: number;
  onChoose: (number: number) => void;
  onClose: () => void;
}

export function SourcesPanel({ sources, number, onChoose, onClose }: Props) {
  return (
    <div className="flex h-full flex-col">
      <div className="border-line flex h-11 shrink-0 items-center border-b pr-2 pl-4">
        <h2 className="flex-1 font-semibold">Sources</h2>
        <IconButton label="Close the sources" onClick={onClose}>
          <X size={16} />
        </IconButton>
      </div>
      <ol className="flex-1 overflow-y-auto">
        {sources.map((source) => (
          <li
            key={source.number}
            className={cx("border-line border-b", source.number === number && "bg-accent-soft/40")}
          >
            <button
              type="button"
              onClick={() => onChoose(source.number)}
              aria-expanded={source.number === number}
              className="hover:bg-hover/60 flex w-full items-start gap-2.5 px-4 py-2.5 text-left"
            >
              <span className="bg-accent-soft text-accent mt-0.5 rounded px-1.5 text-2xs font-semibold">
                {source.number}
              </span>
              <span className="min-w-0 flex-1">
                <span className="block truncate font-medium">{visible(source.title || source.place)}</span>
                <span className="text-muted flex items-center gap-1 text-xs">
                  {source.origin === "web" ? <Globe size={12} /> : <FileCode2 size={12} />}
                  <span className="truncate">{visible(source.place)}</span>
                </span>
              </span>
            </button>
            {source.number === number && <Details source={source} />}
          </li>
        ))}
      </ol>
    </div>
  );
}

function Details({ source }: { source: Source }) {
  return (
    <div className="flex flex-col gap-2 px-4 pb-3 text-xs">
      {source.why && <Why why={source.why} />}
      {safeAddress(source.place) ? (
        <SafeLink href={source.place}>{source.place}</SafeLink>
      ) : (
        <>
          {source.root && <p className="text-muted break-all">in {visible(source.root)}</p>}
          <Passage source={source} />
        </>
      )}
    </div>
  );
}

export function Why({ why }: { why: NonNullable<Source["why"]> }) {
  const parts = [
    why.words && `${ordinal(why.words)} by words`,
    why.vectors && `${ordinal(why.vectors)} by meaning`,
    why.matched.length > 0 && `has ${why.matched.map((word) => `“${visible(word)}”`).join(", ")}`,
  ].filter(Boolean);
  return parts.length ? <p className="text-muted">Found: {parts.join(" · ")}</p> : null;
}

function ordinal(n: number): string {
  const ends = ["th", "st", "nd", "rd"];
  return `${n}${ends[n % 10 > 3 || Math.floor((n % 100) / 10) === 1 ? 0 : n % 10]}`;
}

/** The text of a passage as the index has it now, looked up by its place. */
function Passage({ source }: { source: Source }) {
  const [, path = "", first, last] = /^(.*):(\d+)-(\d+)$/.exec(source.place) ?? [];
  const { data, error } = useQuery({
    queryKey: ["passage", source.root, source.place],
    queryFn: async () => {
      if (!source.root || !path) return null;
      const query = { root: source.root, path };
      const { passages } = await unwrap(api.GET("/api/index/file", { params: { query } }));
      return (
        passages.find(({ first_line, last_line }) => first_line <= Number(first) && last_line >= Number(last)) ?? null
      );
    },
  });
  if (error instanceof ApiError && error.code !== "not_indexed") return <Problem error={error} />;
  if (data === undefined && !error) return <Spinner label="Loading the passage" />;
  if (!data)
    return <p className="text-muted">The index does not have this passage any more: the file has changed since.</p>;
  return <CodeBlock language={/\.(\w+)$/.exec(data.path)?.[1]} code={data.text} />;
}
