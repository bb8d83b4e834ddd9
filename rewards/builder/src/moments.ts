/* Moments of a time zone, for the browser's fields, which know none. */

/** How far the zone is ahead of UTC at a moment, in minutes. */
function offset(at: number, zone: string): number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  });
  const parts = Object.fromEntries(format.formatToParts(at).map((part) => [part.type, Number(part.value)]));
  const local = Date.UTC(parts.year!, parts.month! - 1, parts.day, parts.hour, parts.minute, parts.second);
  return Math.round((local - Math.floor(at / 1000) * 1000) / 60_000);
}

const two = (number: number): string => String(number).padStart(2, "0");

/** As a field for date and time takes it; empty if it is no moment. */
export function local(stored: string, zone: string): string {
  const at = Date.parse(stored);
  if (Number.isNaN(at)) return "";
  const moved = new Date(at + offset(at, zone) * 60_000).toISOString();
  return moved.slice(0, moved.slice(17, 19) === "00" ? 16 : 19);
}

/** The moment that a field says, with the offset of the zone at that time. */
export function instant(field: string, zone: string): string {
  const asUtc = Date.parse(`${field}Z`);
  if (Number.isNaN(asUtc)) return field;
  // Once more, for the offset may have changed between the first guess and the moment itself.
  const guess = offset(asUtc - offset(asUtc, zone) * 60_000, zone);
  const ahead = offset(asUtc - guess * 60_000, zone);
  const sign = ahead < 0 ? "-" : "+";
  const distance = Math.abs(ahead);
  const seconds = field.length === 16 ? ":00" : "";
  return `${field}${seconds}${sign}${two(Math.floor(distance / 60))}:${two(distance % 60)}`;
}

export const isZone = (zone: unknown): zone is string => {
  if (typeof zone !== "string" || zone === "") return false;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};
