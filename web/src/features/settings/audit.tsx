// The log of what was changed here: what, when, by whom.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "@/components/ui/button";
import { Badge, Empty, Problem } from "@/components/ui/feedback";
import { Section } from "@/components/ui/page";
import { Table } from "@/components/ui/table";
import { api, unwrap } from "@/lib/api/client";
import { ago } from "@/lib/format";
import { visible } from "@/lib/visible";

const WHO: Record<string, string> = {
  page: "this page",
  api: "a program",
  cli: "a command",
  chat: "a conversation",
  learn: "learning",
};

export function Audit() {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET("/api/audit", { params: { query: pageParam === null ? {} : { before: pageParam } } })),
    initialPageParam: null as number | null,
    getNextPageParam: ({ next }) => next,
  });
  const entries = data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <Section
      title="What was changed here"
      about="Rules, conversations, folders, models, settings and adapters, by this page, by commands and by programs. Nothing in it can be changed or left out without a trace; no keys and nothing that was said stand in it."
    >
      {error && <Problem error={error} onRetry={() => void refetch()} />}
      {data && entries.length === 0 && <Empty title="Nothing yet">What you change will be listed here.</Empty>}
      {entries.length > 0 && (
        <Table label="Changes" columns={["When", "Who", "What", "About"]}>
          {entries.map((entry) => (
            <tr key={entry.number}>
              <td className="px-3 py-1.5 whitespace-nowrap" title={entry.time}>
                {ago(entry.time)}
              </td>
              <td className="px-3 py-1.5 whitespace-nowrap">
                <Badge>{WHO[entry.by ?? ""] ?? "unknown"}</Badge>
              </td>
              <td className="px-3 py-1.5 whitespace-nowrap">{visible(entry.kind)}</td>
              <td className="max-w-80 truncate px-3 py-1.5 font-mono" title={aboutOf(entry)}>
                {aboutOf(entry)}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {hasNextPage && (
        <Button className="self-start" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Older ones
        </Button>
      )}
    </Section>
  );
}

/** The names and ids that a change was about. */
export function aboutOf({ about }: { about: object }): string {
  const parts = Object.entries(about as Record<string, unknown>).flatMap(([name, value]) => {
    if (value === null || (Array.isArray(value) && value.length === 0)) return [];
    return [`${name} ${Array.isArray(value) ? value.join(", ") : String(value)}`];
  });
  return visible(parts.join(" · "));
}
