/* Between what stands in a field and what stands in the definition, by type. */

import type { Json } from "./json";

const WHOLE = /^-?\d{1,15}$/;
const DECIMAL_COMMA = /^(-?\d+),(\d{1,2})$/;

/**
 * What a text means; one that means nothing stays as it was typed, for the check to name it.
 *
 * Where a number may stand as a number or as a text, it stays what it was before.
 */
export function read(text: string, type: string, before?: Json): Json | undefined {
  const plain = text.trim();
  if (plain === "") return undefined;
  switch (type) {
    case "number":
      return WHOLE.test(plain) ? Number(plain) : plain;
    case "decimal":
      if (typeof before === "number" && WHOLE.test(plain)) return Number(plain);
      return plain.replace(DECIMAL_COMMA, "$1.$2");
    case "money":
      return plain.replace(DECIMAL_COMMA, "$1.$2");
    case "attribute":
      return typeof before !== "string" && WHOLE.test(plain) ? Number(plain) : text;
    default:
      return text;
  }
}

export function shown(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
