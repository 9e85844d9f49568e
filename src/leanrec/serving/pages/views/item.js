/** One recommended item: what it is, why it stands there, what one can do with it. */

import { bar, element, icon, nextNumber, spokenOnly } from "../dom.js";
import { reasonInWords } from "../sentences.js";
import { number, score, words } from "../words.js";
import { attributesInWords } from "./attributes.js";

const ARROWS = { up: "▲", down: "▼", new: "" };

/**
 * A row of the list, kept while its item stays in the list.
 * @param {{act: function(string, Object): void, openSimilar: function(Object): void}} wishes
 * @returns {{root: HTMLElement, show: function(Object, Object): void}}
 *   `show` takes the item and its surroundings (rank, mark, share, otherRank, acts)
 */
export function createItem({ act, openSimilar }) {
  const id = `item-${nextNumber()}`;
  let shown = null;
  const rank = element("div", { class: "item-rank" });
  const title = element("h3", { class: "item-title", id });
  const attributes = element("p", { class: "item-attributes" });
  const reason = element("p", { class: "item-reason" });
  const worth = element("div", { class: "item-worth" });
  const buttons = {
    click: actionButton("click", { run: () => act("click", shown) }),
    like: actionButton("like", { run: () => act("like", shown) }),
    hide: actionButton("hide", { run: () => act("hide", shown) }),
    similar: actionButton("similar", { run: () => openSimilar(shown) }),
  };
  const group = element("div", { class: "item-actions", role: "group" }, ...Object.values(buttons));
  const body = element("div", { class: "item-body" }, title, attributes, reason);
  const root = element("li", { class: "item", "aria-labelledby": id }, rank, body, worth, group);

  function show(item, { rank: place, mark, share, otherRank, acts }) {
    shown = item;
    const name = item.title || item.item_id;
    root.dataset.itemId = item.item_id;
    title.textContent = name;
    attributes.textContent = attributesInWords(item.attributes);
    attributes.hidden = attributes.textContent === "";
    reason.replaceChildren(...reasonNodes(item.reason || ""));
    reason.hidden = !item.reason;
    rank.replaceChildren(...rankNodes(place, mark));
    worth.replaceChildren(...worthNodes(item, share), ...otherNodes(otherRank));
    group.setAttribute("aria-label", words("item.actions", { title: name }));
    for (const [kind, button] of Object.entries(buttons)) {
      button.setAttribute("aria-label", words(`item.${kind}.label`, { title: name }));
    }
    for (const kind of ["click", "like"]) buttons[kind].classList.toggle("is-done", acts?.has(kind) ?? false);
  }

  return { root, show };
}

/**
 * A button of an item: a picture and a word.
 * @param {string} kind names the words
 * @param {{run: function(): void, title?: string, picture?: string}} wishes `title` completes the spoken label
 * @returns {HTMLElement}
 */
export function actionButton(kind, { run, title, picture = kind }) {
  const label = title === undefined ? null : words(`item.${kind}.label`, { title });
  const properties = { type: "button", class: "action", "data-action": kind, "aria-label": label, on: { click: run } };
  return element("button", properties, icon(picture), element("span", {}, words(`item.${kind}`)));
}

/**
 * Score, bar and source of an item.
 * @param {{score: number, source?: string}} item
 * @param {number} share of the best score
 * @returns {HTMLElement[]}
 */
export function worthNodes(item, share) {
  const seen = element("span", { "aria-hidden": "true" }, score(item.score));
  const figure = element("span", { class: "item-score" }, seen, spokenOnly(words("item.score", { score: score(item.score) })));
  const source = item.source && element("span", { class: "item-source", title: words("item.source", { source: item.source }) }, item.source);
  return [figure, bar(share), source].filter(Boolean);
}

function otherNodes(rank) {
  if (!rank) return [];
  const seen = element("span", { "aria-hidden": "true" }, words("column.other", { rank }));
  return [element("span", { class: "item-other" }, seen, spokenOnly(words("column.other.spoken", { rank })))];
}

function rankNodes(place, mark) {
  const nodes = [spokenOnly(words("item.rank", { n: place })), element("span", { "aria-hidden": "true" }, number(place))];
  if (!mark) return nodes;
  const text = words(`moved.${mark.kind}`, { n: mark.by });
  const seen = mark.kind === "new" ? text : `${ARROWS[mark.kind]}${number(mark.by)}`;
  const moved = element("span", { class: `moved moved-${mark.kind}` }, element("span", { "aria-hidden": "true" }, seen), spokenOnly(text));
  return [...nodes, moved];
}

function reasonNodes(reason) {
  const { text, title } = reasonInWords(reason);
  const at = title ? text.indexOf(title) : -1;
  return at < 0 ? [text] : [text.slice(0, at), element("cite", {}, title), text.slice(at + title.length)];
}
