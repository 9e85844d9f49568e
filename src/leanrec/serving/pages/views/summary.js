/** An answer in short: what is cold, what moved, what is shared. */

import { element } from "../dom.js";
import { countMoves } from "../movement.js";
import { words } from "../words.js";

const NAMED = 3;

/**
 * What stands above a list: the cold mark, what moved, what both lists share.
 * @param {Object} state
 * @param {import("../state.js").Column} column
 * @param {Object|null} other the answer of the other list
 * @returns {HTMLElement[]}
 */
export function statusNodes(state, column, other) {
  const nodes = [];
  if (column.answer?.cold) {
    nodes.push(element("p", { class: "cold" }, element("strong", { class: "cold-mark" }, words("cold.mark")), " ", words("cold.text")));
  }
  if (column.movement && state.cause) nodes.push(element("p", { class: "movement" }, ...movementNodes(state.cause, column.movement)));
  if (other && column.answer) {
    const ids = new Set(other.items.map((item) => item.item_id));
    const shared = column.answer.items.filter((item) => ids.has(item.item_id)).length;
    nodes.push(element("p", { class: "small soft" }, words("column.shared", { n: shared, total: column.answer.items.length })));
  }
  return nodes;
}

function movementNodes(cause, movement) {
  const parts = movementParts(movement);
  return [element("strong", {}, words(`moved.after.${cause.kind}`, { title: cause.title ?? "" })), `: ${parts.join(" · ")}`];
}

function movementParts({ marks, left }) {
  const parts = Object.entries(countMoves(marks)).filter(([, n]) => n > 0).map(([kind, n]) => words(`moved.count.${kind}`, { n }));
  if (left.length) parts.push(words("moved.count.left", { titles: namesOf(left) }));
  return parts.length ? parts : [words("moved.nothing")];
}

/** The first titles; there may be many. */
function namesOf(items) {
  const titles = items.slice(0, NAMED).map((item) => item.title || item.item_id).join("; ");
  return items.length > NAMED ? words("moved.more", { titles, n: items.length - NAMED }) : titles;
}

/**
 * An answer in one sentence, for screen readers.
 * @param {Object} state
 * @param {import("../state.js").Column} column
 * @returns {string}
 */
export function spokenSummary(state, column) {
  const { items, cold } = column.answer;
  if (column.movement && state.cause) return movementNodes(state.cause, column.movement).map((node) => node.textContent ?? node).join("");
  const first = items.length ? words("spoken.first", { title: items[0].title || items[0].item_id }) : words("empty.heading");
  return [words("spoken.answer", { n: items.length }), first, cold ? words("cold.mark") : ""].filter(Boolean).join(" ");
}
