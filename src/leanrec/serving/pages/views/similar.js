/** The dialog of similar items. */

import { ApiError, similarItems } from "../api.js";
import { element, icon } from "../dom.js";
import { words } from "../words.js";
import { attributesInWords } from "./attributes.js";
import { actionButton, worthNodes } from "./item.js";
import { alarm, troubleInWords } from "./trouble.js";

/**
 * The dialog, closed; the browser gives the focus back to the button that opened it.
 * @param {HTMLElement} root
 * @param {{read: function(): Object}} store
 * @param {Object} actions
 * @returns {{open: function(Object, string): void}}
 */
export function createSimilarDialog(root, store, actions) {
  const heading = element("h2", { id: "similar-heading", tabindex: "-1" });
  const by = element("p", { class: "small soft" });
  const closing = { type: "button", class: "button button-icon", "aria-label": words("similar.close"), on: { click: () => dialog.close() } };
  const close = element("button", closing, icon("close"));
  const body = element("div", { class: "dialog-body" });
  const said = element("p", { class: "small", role: "status" });
  const dialog = element(
    "dialog", { class: "dialog", "aria-labelledby": "similar-heading", on: { click: closeOutside, close: giveFocusBack } },
    element("div", { class: "dialog-head" }, element("div", {}, heading, by), close), said, body,
  );
  root.append(dialog);
  let turn = 0;
  let opener = null;

  function closeOutside(event) {
    if (event.target === dialog) dialog.close();
  }

  function giveFocusBack() {
    const itemId = opener?.closest("li")?.dataset.itemId;
    const sameItem = `[data-item-id="${CSS.escape(itemId ?? "")}"] [data-action="similar"]`;
    const again = opener?.isConnected ? opener : document.querySelector(sameItem);
    (again ?? document.querySelector(".items [data-action]") ?? document.getElementById("answers")).focus();
  }

  async function open(item, model) {
    const title = item.title || item.item_id;
    heading.textContent = words("similar.heading", { title });
    by.textContent = attributesInWords(item.attributes);
    said.textContent = "";
    body.replaceChildren(element("p", { class: "soft" }, words("search.busy")));
    if (!dialog.open) {
      opener = document.activeElement;
      dialog.showModal();
    }
    heading.focus();
    const mine = (turn += 1);
    const nodes = await similarItems(item.item_id, model).then((answer) => found(answer, model), (error) => [failed(error)]);
    if (mine === turn) body.replaceChildren(...nodes);
  }

  function found(answer, model) {
    const best = Math.max(...answer.items.map((item) => item.score), 1e-9);
    const source = element("p", { class: "small soft" }, words("similar.model", { model: answer.model || model }));
    if (answer.items.length === 0) return [source, element("p", {}, words("similar.none"))];
    return [element("ul", { class: "similar-list" }, ...answer.items.map((item) => line(item, item.score / best, model))), source];
  }

  function line(item, share, model) {
    const title = item.title || item.item_id;
    const isVisitor = store.read().person.kind === "visitor";
    const buttons = [
      isVisitor
        ? actionButton("taste", { title, picture: "like", run: () => add(item, title) })
        : actionButton("like", { title, run: () => likeIt(item, title) }),
      actionButton("similar", { title, run: () => open(item, model) }),
    ];
    const names = [element("h3", { class: "item-title" }, title), element("p", { class: "item-attributes" }, attributesInWords(item.attributes))];
    return element(
      "li", {},
      element("div", { class: "item-body" }, ...names),
      element("div", { class: "item-worth" }, ...worthNodes(item, share)),
      element("div", { class: "item-actions" }, ...buttons),
    );
  }

  async function likeIt(item, title) {
    await actions.act("like", item);
    if (store.read().failedAct) dialog.close();
    else said.textContent = words("similar.done", { title });
  }

  function add(item, title) {
    actions.addTaste(item);
    said.textContent = words("similar.added", { title });
  }

  return { open };
}

function failed(error) {
  if (!(error instanceof ApiError)) throw error;
  const { title, advice } = troubleInWords(error);
  return alarm({ title: words("similar.failed"), advice: [title, advice].filter(Boolean).join(" ") });
}
