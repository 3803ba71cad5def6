// The one place where a model's text becomes elements: while it streams, from history, and anywhere else.
// The text is parsed to elements of a fixed list, never to HTML; raw HTML in it is shown as text, pictures and links
// load nothing.
import { createContext, memo, useContext, useMemo, useState } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { visible } from "@/lib/visible";
import { Blocks } from "./blocks";
import { citations } from "./citations";
import { CodeBlock } from "./code-block";
import { SafeLink, safeAddress } from "./link";

interface Around {
  /** Numbers of sources that a `[1]` in the text may cite. */
  cited?: ReadonlySet<number>;
  onCite?: (number: number) => void;
  /** What a code block offers besides copying. */
  onKeep?: (code: string) => Promise<unknown>;
}

const AroundContext = createContext<Around>({});
const InLink = createContext(false);

const ELEMENTS = [
  ...[
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "code",
    "em",
    "strong",
    "del",
    "hr",
    "br",
  ],
  ...["a", "img", "table", "thead", "tbody", "tr", "th", "td", "input", "cite", "sup", "section"],
];

const components: Components = {
  a: ({ href, children }) => (
    <InLink value>
      <SafeLink href={href}>{children}</SafeLink>
    </InLink>
  ),
  img: ({ src, alt }) => <Picture src={typeof src === "string" ? src : undefined} alt={alt || "picture"} />,
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children, node }) => {
    const text = String(children);
    const block = node?.position && (node.position.start.line !== node.position.end.line || className);
    return block || text.endsWith("\n") ? (
      <Code language={className} code={text.replace(/\n$/, "")} />
    ) : (
      <code>{text}</code>
    );
  },
  input: ({ checked }) => (
    <input type="checkbox" checked={checked ?? false} disabled aria-label={checked ? "done" : "to do"} />
  ),
  cite: ({ children }) => <Citation text={String(children)} />,
};

/** A picture is a link to it; within another link it is its name only, because links do not nest. */
function Picture({ src, alt }: { src?: string; alt: string }) {
  return useContext(InLink) ? <>{alt}</> : <SafeLink href={src}>{alt}</SafeLink>;
}

function Code({ language, code }: { language?: string; code: string }) {
  const { onKeep } = useContext(AroundContext);
  return <CodeBlock language={/language-(\S+)/.exec(language ?? "")?.[1]} code={code} onKeep={onKeep} />;
}

function Citation({ text }: { text: string }) {
  const { cited, onCite } = useContext(AroundContext);
  const number = Number(text);
  if (!onCite || !cited?.has(number)) return <>[{text}]</>;
  return (
    <button
      type="button"
      onClick={() => onCite(number)}
      aria-label={`Source ${number}`}
      className="bg-accent-soft text-accent mx-0.5 rounded px-1 text-2xs font-semibold align-[1px] hover:underline"
    >
      {number}
    </button>
  );
}

/** Unchanged blocks are neither parsed nor drawn again. */
const Block = memo(function Block({ text }: { text: string }) {
  return (
    <ReactMarkdown
      remarkPlugins={[remarkGfm, citations]}
      components={components}
      allowedElements={ELEMENTS}
      unwrapDisallowed
      urlTransform={(url) => safeAddress(url)}
    >
      {visible(text)}
    </ReactMarkdown>
  );
});

/** A long conversation has many: those whose text and surroundings are the same are not drawn again. */
export const Markdown = memo(function Markdown({ text, cited, onCite, onKeep }: { text: string } & Around) {
  const [blocks] = useState(() => new Blocks());
  const around = useMemo(() => ({ cited, onCite, onKeep }), [cited, onCite, onKeep]);
  return (
    <AroundContext value={around}>
      <div className="prose">
        {blocks.of(text).map((block, index) => (
          <div key={index}>
            <Block text={block} />
          </div>
        ))}
      </div>
    </AroundContext>
  );
});
