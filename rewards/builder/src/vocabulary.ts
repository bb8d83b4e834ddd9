/* What conditions may ask for, as the server tells it. */

import { type Json, type Obj, isObject } from "./json";

export type Choice = { value: string; label: string; group?: string; hint?: string };

export type Fact = {
  key: string;
  label: string;
  group: string;
  type: string;
  operators: string[];
  unit?: string;
  choices?: Choice[];
  /** The list in which its values are searched for. */
  list?: string;
  /** It looks at the last so many days. */
  days?: boolean;
  /** It sums over the lines that match conditions of their own. */
  lines?: boolean;
  /** The attribute's declared type, which stands in the condition. */
  declared?: string;
};

export type Trigger = {
  kind: string;
  label: string;
  hint: string;
  icon: string;
  group: string;
  scope: string;
  /** What narrows it: the name of the field, and the list of what may stand there. */
  narrows?: { field: string; label: string; list?: string; choices?: Choice[]; type: "many" | "texts" | "days" | "event_type" };
};

export type Vocabulary = {
  currency: string;
  time_zone: string;
  facts: Fact[];
  /** The keys of the facts by scope. */
  scopes: Record<string, string[]>;
  /** Attributes that a program names as it likes: family and label, by scope. */
  families: { key: string; label: string; group: string; scopes: string[] }[];
  /** Operators by type of fact; labels by operator. */
  operators: Record<string, string[]>;
  operator_labels: Record<string, string>;
  triggers: Trigger[];
  effects: { kind: string; label: string; hint: string; icon: string; group: string; needs_amount: boolean }[];
  wallet_types: Choice[];
  /** Lists that are brought whole; the others are searched on the server. */
  lists: Record<string, Choice[]>;
  /** Names of values that the definition uses, by list. */
  labels: Record<string, Record<string, string>>;
};

export const MANY = new Set(["in", "not_in", "has_any", "has_all", "has_none"]);
const USUAL: Record<string, string> = {
  money: "gte", number: "gte", decimal: "gte", date: "gte", choice: "in", text: "in", set: "has_any", boolean: "eq", time: "between", attribute: "eq",
};

export class Facts {
  private readonly byKey: Map<string, Fact>;

  constructor(readonly vocabulary: Vocabulary) {
    this.byKey = new Map(vocabulary.facts.map((fact) => [fact.key, fact]));
  }

  inScope(scope: string): Fact[] {
    return (this.vocabulary.scopes[scope] ?? []).map((key) => this.byKey.get(key)).filter((fact) => fact !== undefined);
  }

  families(scope: string): Vocabulary["families"] {
    return this.vocabulary.families.filter((family) => family.scopes.includes(scope));
  }

  /** The family of an attribute that is not declared. */
  familyOf(key: string): string | undefined {
    if (this.byKey.has(key)) return undefined;
    return this.vocabulary.families.find((family) => key === family.key || key.startsWith(`${family.key}.`))?.key;
  }

  /** What a condition asks for; an attribute is of the type that stands in the condition. */
  of(leaf: Obj): Fact | undefined {
    const key = String(leaf.fact ?? "");
    const known = this.byKey.get(key);
    const type = typeof leaf.type === "string" ? leaf.type : undefined;
    if (known) return type ? { ...known, ...this.typed(type) } : known;
    const family = this.familyOf(key);
    return family ? { key, label: key, group: "", ...this.typed(type ?? "attribute") } : undefined;
  }

  private typed(type: string): { type: string; operators: string[] } {
    // Attributes are numbers of any kind.
    const read = type === "number" ? "decimal" : type;
    const operators = this.vocabulary.operators[read] ?? this.vocabulary.operators.attribute ?? ["eq"];
    return { type: read, operators: read === "set" ? operators : [...operators, "known"] };
  }
}

export const usualOperator = (fact: Fact): string => {
  const usual = USUAL[fact.type];
  return usual && fact.operators.includes(usual) ? usual : (fact.operators[0] ?? "eq");
};

export function blankValue(fact: Fact, operator: string): Json | undefined {
  if (operator === "known" || fact.type === "boolean") return true;
  if (MANY.has(operator)) return [];
  if (operator === "between") return [null, null];
  return undefined;
}

/** The value in the shape that the operator takes, keeping what was said. */
export function reshaped(value: Json | undefined, fact: Fact, before: string, operator: string): Json | undefined {
  const shape = (name: string) => (name === "known" ? "known" : MANY.has(name) ? "many" : name === "between" ? "pair" : "one");
  if (shape(before) === shape(operator)) return value;
  if (shape(before) === "known" || shape(operator) === "known") return blankValue(fact, operator);
  const first = Array.isArray(value) ? value[0] : value;
  if (first === undefined || first === null) return blankValue(fact, operator);
  if (shape(operator) === "many") return [first];
  return shape(operator) === "pair" ? [first, null] : first;
}

export const asObject = (value: Json | undefined): Obj => (isObject(value) ? value : {});
