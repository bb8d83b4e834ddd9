/*
 * The definition is kept as the JSON that the server stores, and is changed in place by paths. There is no
 * other model beside it, so what the builder does not touch stays as it was, and a problem's JSON pointer
 * is the path of the field that it is about.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Obj = { [key: string]: Json };
export type Path = readonly (string | number)[];

export const isObject = (value: unknown): value is Obj => typeof value === "object" && value !== null && !Array.isArray(value);
export const isSame = (one: unknown, other: unknown): boolean => canonical(one) === canonical(other);

export function pointer(path: Path): string {
  return ["#", ...path.map((step) => String(step).replaceAll("~", "~0").replaceAll("/", "~1"))].join("/");
}

export function get(root: Json | undefined, path: Path): Json | undefined {
  let found: Json | undefined = root;
  for (const step of path) {
    if (Array.isArray(found)) found = found[Number(step)];
    else if (isObject(found)) found = Object.hasOwn(found, step) ? found[step] : undefined;
    else return undefined;
  }
  return found;
}

/** The same with `value` at the path; what is missing on the way is made. */
export function put(root: Json | undefined, path: Path, value: Json): Json {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number") {
    const items = Array.isArray(root) ? [...root] : [];
    while (items.length < step) items.push(null);
    items[step] = put(items[step], rest, value);
    return items;
  }
  const object = isObject(root) ? root : {};
  return { ...object, [step]: put(Object.hasOwn(object, step) ? object[step] : undefined, rest, value) };
}

/** The same without what is at the path. */
export function without(root: Json, path: Path): Json {
  const parent = get(root, path.slice(0, -1));
  const step = path[path.length - 1];
  if (step === undefined || get(root, path) === undefined) return root;
  if (Array.isArray(parent)) return put(root, path.slice(0, -1), parent.filter((_, index) => index !== step));
  const kept = Object.entries(parent as Obj).filter(([key]) => key !== step);
  return put(root, path.slice(0, -1), Object.fromEntries(kept));
}

const STAYS = new Set(["effects", "variants", "trigger"]);

/** The same without what is at the path, and without what is empty on the way there by that. */
export function pruned(root: Json, path: Path): Json {
  const less = without(root, path);
  const above = path.slice(0, -1);
  const holder = get(less, above);
  const isEmpty = Array.isArray(holder) ? holder.length === 0 : isObject(holder) && Object.keys(holder).length === 0;
  return above.length && isEmpty && !STAYS.has(String(above[above.length - 1])) ? pruned(less, above) : less;
}

export function inserted(root: Json, list: Path, index: number, value: Json): Json {
  const items = get(root, list);
  const before = Array.isArray(items) ? items : [];
  return put(root, list, [...before.slice(0, index), value, ...before.slice(index)]);
}

/** As text in which the order of an object's keys does not matter. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const parts = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${parts.join()}}`;
}
