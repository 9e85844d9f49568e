/** Which attributes can be filtered on, found in the items seen so far, and the filters that a choice means. Pure functions. */

const MOST_VALUES = 40;
const MOST_FACETS = 5;

/**
 * Attributes worth a filter: words with few values, numbers with a range.
 * @param {Array<{attributes?: Object<string, unknown>}>} items
 * @returns {Array<{name: string, kind: "words", values: string[]} | {name: string, kind: "numbers", low: number, high: number}>}
 */
export function facetsOf(items) {
  const found = new Map();
  for (const { attributes = {} } of items) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined) continue;
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(...(Array.isArray(value) ? value : [value]));
    }
  }
  return [...found].map(([name, values]) => facet(name, values, items.length)).filter(Boolean).slice(0, MOST_FACETS);
}

/**
 * The filters of the HTTP interface that a choice means: any of the words of one attribute, all attributes together.
 * @param {Object<string, {words?: string[], low?: string, high?: string}>} chosen
 * @returns {string[]}
 */
export function filtersOf(chosen) {
  return Object.entries(chosen).flatMap(([name, { words = [], low = "", high = "" }]) => [
    ...(words.length ? [`${name}=${words.join("|")}`] : []),
    ...(low === "" ? [] : [`${name}>=${low}`]),
    ...(high === "" ? [] : [`${name}<=${high}`]),
  ]);
}

function facet(name, values, numItems) {
  if (values.every((value) => typeof value === "number")) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low < high ? { name, kind: "numbers", low, high } : null;
  }
  const counts = new Map();
  for (const value of values.map(String)) counts.set(value, (counts.get(value) ?? 0) + 1);
  const usable = [...counts.keys()].filter((value) => value && !value.includes("|"));
  const isTooVaried = usable.length > MOST_VALUES || usable.length > Math.max(4, numItems / 2);
  if (usable.length < 2 || isTooVaried) return null;
  return { name, kind: "words", values: usable.sort((one, other) => counts.get(other) - counts.get(one) || one.localeCompare(other)) };
}
