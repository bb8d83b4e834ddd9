/* What all parts of the builder share. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import { type Json, type Path, get, pointer } from "./json";
import type { Choice, Facts, Vocabulary } from "./vocabulary";

export type Problem = { pointer: string; text: string };

export type Builder = {
  definition: Json;
  vocabulary: Vocabulary;
  facts: Facts;
  isDisabled: boolean;
  /** Problems by pointer; only those of fields that were left, until everything is to be told. */
  problems: ReadonlyMap<string, string>;
  put(path: Path, value: Json | undefined): void;
  remove(path: Path): void;
  /** Another definition as one step, what to say of it aloud, and what gets the focus. */
  step(definition: Json, say?: string, focus?: string): void;
  search(list: string, text: string): Promise<Choice[]>;
};

export const BuilderContext = createContext<Builder | null>(null);

export function useBuilder(): Builder {
  const builder = useContext(BuilderContext);
  if (!builder) throw new Error("There is no builder around this part.");
  return builder;
}

/** The DOM id of what edits a path. */
export const idOf = (path: Path, part = ""): string => `rb${pointer(path).replaceAll("/", ":").replace("#", "")}${part && `--${part}`}`;

export function useValue(path: Path): [Json | undefined, (value: Json | undefined) => void] {
  const builder = useBuilder();
  return [get(builder.definition, path), (value) => builder.put(path, value)];
}

/** What is wrong at a path, and what a field needs to say so. */
export function useProblem(path: Path): { text: string | undefined; id: string; attributes: { "aria-invalid"?: "true"; "aria-describedby"?: string } } {
  const { problems } = useBuilder();
  const text = problems.get(pointer(path));
  const id = idOf(path, "problem");
  return { text, id, attributes: text ? { "aria-invalid": "true", "aria-describedby": id } : {} };
}
