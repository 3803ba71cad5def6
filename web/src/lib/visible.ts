// Characters that nobody sees can carry instructions, or turn text around. They are shown as what they are.
// Joiners and variation selectors of emoji stay.
const INVISIBLE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e0fff}]/gu;

export function visible(text: string): string {
  return text.replace(
    INVISIBLE,
    (char) => `⟦U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟧`,
  );
}
