/* Conditions: all, any or none of several, in each other. A node is known by its path in the definition. */

import { type Json, type Obj, type Path, get, inserted, isObject, pruned, put } from "./json";

export const GROUPS = ["all", "any", "none"] as const;
export type GroupKind = (typeof GROUPS)[number];

export const kindOf = (node: Json | undefined): GroupKind | undefined =>
  isObject(node) && Object.keys(node).length === 1 ? GROUPS.find((kind) => Array.isArray(node[kind])) : undefined;

export const childrenOf = (node: Json | undefined): Json[] => {
  const kind = kindOf(node);
  return kind ? ((node as Obj)[kind] as Json[]) : [];
};

/** Where a child stands: `path` is that of the group. */
export const childPath = (path: Path, kind: string, index: number): Path => [...path, kind, index];

/** The tree at `root` with a node more at its end, and where that is. */
export function added(definition: Json, root: Path, node: Json): [Json, Path] {
  const tree = get(definition, root);
  const kind = kindOf(tree);
  if (kind) {
    const end = childrenOf(tree).length;
    return [inserted(definition, [...root, kind], end, node), childPath(root, kind, end)];
  }
  const isBare = isObject(tree) && Object.keys(tree).length > 0;
  const children = isBare ? [tree, node] : [node];
  return [put(definition, root, { all: children }), childPath(root, "all", children.length - 1)];
}

export function regrouped(definition: Json, path: Path, kind: GroupKind): Json {
  return put(definition, path, { [kind]: childrenOf(get(definition, path)) });
}

/**
 * One step up or down: past its neighbour, into a neighbouring group, or out of its own.
 * null if there is nowhere to go; so each place can be reached by steps.
 */
export function stepped(definition: Json, root: Path, path: Path, by: -1 | 1): [Json, Path] | null {
  const list = path.slice(0, -1);
  const index = Number(path[path.length - 1]);
  const siblings = get(definition, list);
  const node = get(definition, path);
  if (!Array.isArray(siblings) || node === undefined) return null;
  const neighbour = siblings[index + by];
  const kind = kindOf(neighbour);
  if (kind) return into(definition, path, node, kind, by);
  if (neighbour !== undefined) {
    const target = [...list, index + by];
    return [put(put(definition, path, neighbour), target, node), target];
  }
  const group = list.slice(0, -1);
  if (group.length <= root.length) return null;
  return out(definition, path, group, node, by);
}

function into(definition: Json, path: Path, node: Json, kind: GroupKind, by: -1 | 1): [Json, Path] {
  const list = path.slice(0, -1);
  const index = Number(path[path.length - 1]);
  const end = childrenOf(get(definition, [...list, index + by])).length;
  const place = by === 1 ? 0 : end;
  const moved = inserted(definition, [...list, index + by, kind], place, node);
  // Taking it away moves what stood behind it one to the front.
  const landed = [...list, by === 1 ? index : index - 1, kind, place];
  return [pruned(moved, path), landed];
}

function out(definition: Json, path: Path, group: Path, node: Json, by: -1 | 1): [Json, Path] {
  const list = group.slice(0, -1);
  const index = Number(group[group.length - 1]);
  const isAlone = childrenOf(get(definition, group)).length === 1;
  // Put there before it is taken away here: the list must not be empty in between, and go with its group.
  const more = inserted(definition, list, by === 1 ? index + 1 : index, node);
  const before = [...list, by === 1 ? index : index + 1, ...path.slice(group.length)];
  return [pruned(more, before), [...list, by === 1 && !isAlone ? index + 1 : index]];
}

/** The condition as the only one of a group of its own. */
export function wrapped(definition: Json, path: Path): [Json, Path] {
  return [put(definition, path, { any: [get(definition, path) as Json] }), childPath(path, "any", 0)];
}
