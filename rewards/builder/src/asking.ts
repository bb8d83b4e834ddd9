/* What the server is asked while one types. */

import type { Json } from "./json";
import type { Problem } from "./context";
import type { Choice } from "./vocabulary";

export type Hint = { pointer: string; text: string; advice: string; severity: "error" | "warning" | "info" };
export type Judgement = { sentence: string; problems: Problem[] };
export type Outlook = { audience: { count: number; of: number } | null; hints: Hint[] };

/** The CSRF cookie is new after each log-in, which may have been in another tab. */
export function token(): string {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie?.slice("csrftoken=".length) ?? document.querySelector<HTMLInputElement>("[name=csrfmiddlewaretoken]")?.value ?? "";
}

async function answered<T>(answer: Response): Promise<T> {
  if (!answer.ok || answer.redirected) throw new Error(`The server answered ${answer.status}.`);
  return (await answer.json()) as T;
}

async function post<T>(url: string, body: object, signal: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token() };
  return answered(await fetch(url, { method: "POST", credentials: "same-origin", headers, body: JSON.stringify(body), signal }));
}

export const judge = (url: string, definition: Json, campaign: string, signal: AbortSignal): Promise<Judgement> =>
  post(url, { definition, campaign }, signal);

export const foresee = (url: string, definition: Json, campaign: string, signal: AbortSignal): Promise<Outlook> =>
  post(url, { definition, campaign }, signal);

const found = new Map<string, Promise<Choice[]>>();

export function search(url: string, list: string, text: string): Promise<Choice[]> {
  const address = `${url.replace("LIST", encodeURIComponent(list))}?q=${encodeURIComponent(text)}`;
  const before = found.get(address);
  if (before) return before;
  const answer = fetch(address, { credentials: "same-origin", headers: { Accept: "application/json" } })
    .then((response) => answered<{ choices: Choice[] }>(response))
    .then((told) => told.choices);
  found.set(address, answer);
  answer.catch(() => found.delete(address));
  return answer;
}
