// Files that go along with a question: as code blocks that carry the file's name.
export interface Attachment {
  name: string;
  text: string;
}

/** A request may have 4 MiB, and a model's window holds far less. */
export const MOST_BYTES = 256 * 1024;

/** A file as text, or why it cannot be attached. */
export async function readAttachment(file: File): Promise<Attachment | string> {
  if (file.size > MOST_BYTES)
    return `${file.name} is larger than 256 kB: index its folder on the Knowledge page instead.`;
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (text.includes("\0")) throw new TypeError("binary");
    return { name: file.name, text };
  } catch {
    return `${file.name} is not a text file.`;
  }
}

/** The question with its files below it. */
export function withAttachments(text: string, attachments: Attachment[]): string {
  const blocks = attachments.map(({ name, text }) => {
    const runs = [...text.matchAll(/`{3,}/g)].map(([run]) => run.length);
    const fence = "`".repeat(Math.max(3, ...runs.map((length) => length + 1)));
    return `${fence}${language(name)} file=${JSON.stringify(name)}\n${text.replace(/\n?$/, "\n")}${fence}`;
  });
  return [text, ...blocks].filter(Boolean).join("\n\n");
}

function language(name: string): string {
  return /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? "text";
}

/** The parts of a question that was sent: its text and its files. */
export function splitAttachments(sent: string): { text: string; attachments: Attachment[] } {
  const attachments: Attachment[] = [];
  const block = /\n*^(`{3,})\w+ file=("(?:[^"\\\n]|\\.)*")\n([\s\S]*?)^\1$/gm;
  const text = sent.replace(block, (_, __, name: string, body: string) => {
    attachments.push({ name: JSON.parse(name) as string, text: body });
    return "";
  });
  return { text: text.trim(), attachments };
}
