/* The state that all parts share: the definition with its past and future, problems, focus. */

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";

import { type Judgement, type Outlook, foresee, judge, search } from "./asking";
import { type Builder, BuilderContext } from "./context";
import { type History, begun, changed, redone, undone } from "./history";
import { type Json, type Path, get, isObject, pointer, pruned, put, without } from "./json";
import { Facts, type Vocabulary } from "./vocabulary";
import { t } from "./words";

const WAIT_MS = 350;
const LEAVE_MS = 300;
const PARTS = new Set(["fact", "operator", "kind"]);

type Deed = { kind: "change"; to: Json; place: string } | { kind: "undo" } | { kind: "redo" };

function reduced(history: History, deed: Deed): History {
  if (deed.kind === "undo") return undone(history);
  if (deed.kind === "redo") return redone(history);
  return changed(history, deed.to, deed.place, Date.now());
}

/** The same with a value at the path; nothing there takes with it what is empty then. */
export function withValue(definition: Json, path: Path, value: Json | undefined): Json {
  if (value !== undefined) return put(definition, path, value);
  if (get(definition, path) === undefined) return definition;
  const last = path[path.length - 1];
  const above = path[path.length - 2];
  // Entries of lists keep their places while one types.
  if (typeof last === "number" || typeof above === "number") return put(definition, path, null);
  const less = without(definition, path);
  const holder = get(less, path.slice(0, -1));
  return path.length > 1 && isObject(holder) && !Object.keys(holder).length ? pruned(definition, path) : less;
}

export type Settings = {
  vocabulary: Vocabulary;
  definition: Json;
  isDisabled: boolean;
  choicesUrl: string;
  checkUrl: string;
  outlookUrl: string;
  campaign: string;
  judgement: Judgement | null;
  isShowingAll: boolean;
};

export type Working = {
  builder: Builder;
  history: History;
  judgement: Judgement | null;
  outlook: Outlook;
  isChecking: boolean;
  said: string;
  undo(): void;
  redo(): void;
  showAll(): void;
};

export function useWorking(settings: Settings): Working {
  const [history, act] = useReducer(reduced, settings.definition, begun);
  const [said, say] = useState("");
  const [touched, touch] = useState<ReadonlySet<string>>(new Set());
  const [isShowingAll, showAll] = useState(settings.isShowingAll);
  const { judgement, isChecking } = useJudgement(settings, history.now);
  const outlook = useOutlook(settings, history.now);
  const focus = useRef<string | undefined>(undefined);
  const facts = useMemo(() => new Facts(settings.vocabulary), [settings.vocabulary]);

  useLayoutEffect(() => {
    const wanted = focus.current;
    focus.current = undefined;
    if (wanted) (document.getElementById(wanted) ?? document.getElementById(wanted.replace("--fact", "--kind")))?.focus();
  }, [history]);

  useEffect(() => {
    const leave = (event: FocusEvent) => {
      const left = pointerOf((event.target as HTMLElement).id ?? "");
      // Not at once: what appears must not push away the button that is being pressed.
      if (left) setTimeout(() => touch((before) => (before.has(left) ? before : new Set([...before, left]))), LEAVE_MS);
    };
    document.addEventListener("focusout", leave);
    return () => document.removeEventListener("focusout", leave);
  }, []);

  const problems = new Map<string, string>();
  for (const problem of judgement?.problems ?? []) {
    const isTold = isShowingAll || touched.has(problem.pointer) || touched.has(problem.pointer.replace(/\/\d+$/, ""));
    if (isTold && !problems.has(problem.pointer)) problems.set(problem.pointer, problem.text);
  }
  const builder: Builder = {
    definition: history.now,
    vocabulary: settings.vocabulary,
    facts,
    isDisabled: settings.isDisabled,
    problems,
    put: (path, value) => act({ kind: "change", to: withValue(history.now, path, value), place: pointer(path) }),
    remove: (path) => act({ kind: "change", to: pruned(history.now, path), place: "" }),
    step(definition, aloud, next) {
      focus.current = next;
      if (aloud) say(aloud);
      act({ kind: "change", to: definition, place: "" });
    },
    search: (list, text) => search(settings.choicesUrl, list, text),
  };
  const undo = () => { if (history.past.length) { act({ kind: "undo" }); say(t("said_undone")); } };
  const redo = () => { if (history.future.length) { act({ kind: "redo" }); say(t("said_redone")); } };
  return { builder, history, judgement, outlook, isChecking, said, undo, redo, showAll: () => showAll(true) };
}

/** The pointer of the field with that DOM id. */
function pointerOf(id: string): string | undefined {
  if (!id.startsWith("rb:")) return undefined;
  const [place = "", part] = id.slice(2).split("--");
  if (part && !PARTS.has(part)) return undefined;
  return `#${place.replaceAll(":", "/")}${part && part !== "kind" ? `/${part}` : ""}`;
}

function useJudgement({ checkUrl, campaign, judgement: first }: Settings, definition: Json): { judgement: Judgement | null; isChecking: boolean } {
  const [judgement, keep] = useState(first);
  const [isChecking, check] = useState(false);
  useEffect(() => {
    if (!checkUrl) return;
    const stopped = new AbortController();
    check(true);
    const waiting = setTimeout(() => {
      judge(checkUrl, definition, campaign, stopped.signal).then(
        (told) => { keep(told); check(false); },
        () => { if (!stopped.signal.aborted) check(false); },
      );
    }, WAIT_MS);
    return () => { clearTimeout(waiting); stopped.abort(); };
  }, [definition]);
  return { judgement, isChecking };
}

const OUTLOOK_WAIT_MS = 800;
const UNKNOWN: Outlook = { audience: null, hints: [] };

/** Whom it can reach and what to think of: asked when nobody types for a moment. */
function useOutlook({ outlookUrl, campaign }: Settings, definition: Json): Outlook {
  const [outlook, keep] = useState(UNKNOWN);
  useEffect(() => {
    const stopped = new AbortController();
    const waiting = setTimeout(() => {
      foresee(outlookUrl, definition, campaign, stopped.signal).then(keep, () => { if (!stopped.signal.aborted) keep(UNKNOWN); });
    }, OUTLOOK_WAIT_MS);
    return () => { clearTimeout(waiting); stopped.abort(); };
  }, [definition]);
  return outlook;
}

/** Ctrl or ⌘ with Z goes back, with Shift (or Y) forward again. */
export function useKeys(undo: () => void, redo: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (!(event.ctrlKey || event.metaKey) || event.altKey || target.closest("[data-own-undo]")) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) redo();
      else undo();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
}

/** To the field that a pointer names, or to what is nearest above it. */
export function goTo(place: string): void {
  const steps = place.replace(/^#\/?/, "").split("/").filter(Boolean);
  for (let length = steps.length; length > 0; length -= 1) {
    const id = `rb:${steps.slice(0, length).join(":")}`;
    const parent = `rb:${steps.slice(0, length - 1).join(":")}--${steps[length - 1]}`;
    const candidates = [id, parent, `${id}--fact`, `${id}--first`, `${id}--change`, `${id}--kind`, `${id}--add`];
    const found = candidates.map((candidate) => document.getElementById(candidate)).find((element) => element);
    if (!found) continue;
    found.closest("details")?.setAttribute("open", "");
    found.scrollIntoView({ block: "center" });
    found.focus();
    return;
  }
}

export const Provided = ({ builder, children }: { builder: Builder; children: ComponentChildren }) => (
  <BuilderContext.Provider value={builder}>{children}</BuilderContext.Provider>
);
