// Into the clipboard, also where the page is served without TLS under another name than localhost.
export async function copyText(text: string): Promise<void> {
  // Browsers hide the clipboard from such pages, whatever the types say.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) return clipboard.writeText(text);
  const box = document.createElement("textarea");
  box.value = text;
  box.style.position = "fixed";
  document.body.append(box);
  box.select();
  const copied = document.execCommand("copy");
  box.remove();
  if (!copied) throw new Error("The browser does not let this page copy; select the text and copy it yourself.");
}
