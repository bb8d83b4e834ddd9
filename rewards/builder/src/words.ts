/* What the page says. The server brings the words, in the language of whoever reads them. */

let words: Record<string, string> = {};

export function learn(brought: Record<string, string>): void {
  words = brought;
}

export function t(key: string, values: Record<string, string | number> = {}): string {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}
