/* What was, to go back to; what one types into a field in one go is one step. */

import { type Json, isSame } from "./json";

const TOGETHER_MS = 1_200;
const STEPS_AT_MOST = 200;

export type History = {
  readonly past: readonly Json[];
  readonly now: Json;
  readonly future: readonly Json[];
  readonly place: string;
  readonly at: number;
};

export const begun = (now: Json): History => ({ past: [], now, future: [], place: "", at: 0 });

/** `place` names the field that is typed into; empty for what is a step of its own. */
export function changed(history: History, now: Json, place: string, at: number): History {
  if (isSame(history.now, now)) return history;
  const goesOn = place !== "" && place === history.place && at - history.at < TOGETHER_MS && history.past.length > 0;
  const past = goesOn ? history.past : [...history.past, history.now].slice(-STEPS_AT_MOST);
  return { past, now, future: [], place, at };
}

export function undone(history: History): History {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  return { past: history.past.slice(0, -1), now: before, future: [history.now, ...history.future], place: "", at: 0 };
}

export function redone(history: History): History {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.now], now: next, future, place: "", at: 0 };
}
