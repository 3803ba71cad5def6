// What the rules page asks and tells.
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { tell, tellError } from "@/components/ui/toast";
import { type Schemas, api, unwrap } from "@/lib/api/client";

export type Rule = Schemas["RuleObject"];
export type Written = Schemas["RuleWritten"];

export const rulesQuery = queryOptions({
  queryKey: ["rules"],
  queryFn: () => unwrap(api.GET("/api/rules")).then(({ rules }) => rules),
});

export const usesQuery = (rule: string) =>
  queryOptions({
    queryKey: ["rules", rule, "uses"],
    queryFn: () => unwrap(api.GET("/api/rules/{rule}/uses", { params: { path: { rule } } })),
  });

export function useRules() {
  const client = useQueryClient();
  const onSettled = () => client.invalidateQueries({ queryKey: rulesQuery.queryKey });
  const teach = useMutation({
    mutationFn: (body: Schemas["RuleNew"]) => unwrap(api.POST("/api/rules", { body })),
    onError: tellError,
    onSettled,
  });
  const change = useMutation({
    mutationFn: ({ id, ...body }: { id: string; text?: string; accept?: boolean; replaces?: string }) =>
      unwrap(api.POST("/api/rules/{rule}", { params: { path: { rule: id } }, body })),
    onError: tellError,
    onSettled,
  });
  /** Gives a rule another text. Throws where it cannot be saved, so that the text stays where it was written. */
  const saveRule = async (id: string, text: string) => {
    const written = await unwrap(api.POST("/api/rules/{rule}", { params: { path: { rule: id } }, body: { text } }));
    void onSettled();
    return written;
  };
  /** Forgets a rule; the way back teaches it again as it was. */
  const forget = (rule: Rule) => {
    const { text, project, files } = rule;
    void unwrap(api.POST("/api/rules/{rule}/delete", { params: { path: { rule: rule.id } } }))
      .then(() => tell("The rule is forgotten.", { undo: () => teach.mutate({ text, project, files }) }))
      .catch(tellError)
      .finally(() => void onSettled());
  };
  return { teach, change, saveRule, forget };
}
