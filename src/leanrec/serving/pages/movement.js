/** What moved between two lists. Pure functions. */

/**
 * Compare two lists of items.
 * @param {Array<{item_id: string}>} before
 * @param {Array<{item_id: string}>} after
 * @returns {{marks: Map<string, {kind: "new"|"up"|"down", by: number}>, left: Array<{item_id: string}>}} items that kept their place have no mark
 */
export function movementBetween(before, after) {
  const rankBefore = new Map(before.map((item, rank) => [item.item_id, rank]));
  const stays = new Set(after.map((item) => item.item_id));
  const marks = new Map();
  after.forEach((item, rank) => {
    const was = rankBefore.get(item.item_id);
    if (was === undefined) marks.set(item.item_id, { kind: "new", by: 0 });
    else if (was !== rank) marks.set(item.item_id, { kind: was > rank ? "up" : "down", by: Math.abs(was - rank) });
  });
  return { marks, left: before.filter((item) => !stays.has(item.item_id)) };
}

/**
 * How many items moved in each way.
 * @param {Map<string, {kind: string}>} marks
 * @returns {{new: number, up: number, down: number}}
 */
export function countMoves(marks) {
  const counts = { new: 0, up: 0, down: 0 };
  for (const { kind } of marks.values()) counts[kind] += 1;
  return counts;
}
