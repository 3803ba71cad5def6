// `[1]` in an answer becomes a `cite` element that the page turns into a button.
interface Node {
  type: string;
  value?: string;
  children?: Node[];
  data?: Record<string, unknown>;
}

const CITATION = /\[(\d{1,3})\]/;

export function citations() {
  return (tree: Node) => walk(tree);
}

function walk(node: Node): void {
  node.children = node.children?.flatMap((child) => {
    if (child.type === "link") return [child];
    if (child.type !== "text" || !CITATION.test(child.value ?? "")) {
      walk(child);
      return [child];
    }
    return (child.value ?? "").split(CITATION).flatMap((value, index): Node[] => {
      if (index % 2 === 0) return value ? [{ type: "text", value }] : [];
      return [{ type: "citation", data: { hName: "cite" }, children: [{ type: "text", value }] }];
    });
  });
}
