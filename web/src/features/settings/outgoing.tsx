// The log of what has left this machine.
import { queryOptions, useQuery } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { Badge, Empty, Problem } from "@/components/ui/feedback";
import { Section } from "@/components/ui/page";
import { Table } from "@/components/ui/table";
import { api, unwrap } from "@/lib/api/client";
import { ago, bytes } from "@/lib/format";
import { visible } from "@/lib/visible";

export const outgoingQuery = queryOptions({
  queryKey: ["outgoing"],
  queryFn: () => unwrap(api.GET("/api/outgoing")).then(({ requests }) => requests),
});

export function Outgoing() {
  const { data: requests, error, refetch } = useQuery(outgoingQuery);
  return (
    <Section
      title="What has left this machine"
      about="Every request that hone has sent while serving, the last 500. Downloads of models are asked for by name and are not in it."
    >
      {error && !requests && <Problem error={error} onRetry={() => void refetch()} />}
      {requests?.length === 0 && (
        <Empty icon={<ShieldCheck size={22} />} title="Nothing">
          hone has sent no request to anyone.
        </Empty>
      )}
      {requests && requests.length > 0 && (
        <Table label="Requests" columns={["When", "What for", "Where to", "Sent", "Received", "Answer"]}>
          {requests.map((request, index) => (
            <tr key={index}>
              <td className="px-3 py-1.5 whitespace-nowrap" title={request.time}>
                {ago(request.time)}
              </td>
              <td className="px-3 py-1.5 whitespace-nowrap">{request.purpose}</td>
              <td className="max-w-72 truncate px-3 py-1.5 font-mono" title={visible(request.address)}>
                {request.method} {visible(request.address)}
              </td>
              <td className="px-3 py-1.5 whitespace-nowrap tabular-nums">{bytes(request.sent)}</td>
              <td className="px-3 py-1.5 whitespace-nowrap tabular-nums">{bytes(request.received)}</td>
              <td className="px-3 py-1.5">
                <Badge
                  kind={request.error || (request.status ?? 0) >= 400 ? "danger" : "plain"}
                  title={request.error ?? undefined}
                >
                  {request.status ?? "none"}
                </Badge>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Section>
  );
}
