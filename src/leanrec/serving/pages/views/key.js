/** The dialog that asks for the API key. */

import { key, setKey } from "../api.js";
import { element } from "../dom.js";
import { words } from "../words.js";

/**
 * The dialog, closed.
 * @param {HTMLElement} root
 * @param {{onKey: function(): void}} wishes called when a key was entered
 * @returns {{open: function(): void}}
 */
export function createKeyDialog(root, { onKey }) {
  const input = element("input", { type: "password", id: "key", autocomplete: "off", required: true, "aria-describedby": "key-text key-refused" });
  const refused = element("p", { id: "key-refused", class: "refused", role: "alert" });
  const cancel = element("button", { type: "button", class: "button button-quiet", on: { click: () => dialog.close() } }, words("key.cancel"));
  const form = element(
    "form", { method: "dialog", on: { submit: send } },
    element("h2", { id: "key-heading" }, words("key.heading")),
    element("p", { id: "key-text" }, words("key.text")),
    element("label", { for: "key" }, words("key.label")), input, refused,
    element("div", { class: "dialog-foot" }, cancel, element("button", { type: "submit", class: "button button-strong" }, words("key.send"))),
  );
  const dialog = element("dialog", { class: "dialog dialog-small", "aria-labelledby": "key-heading" }, form);
  root.append(dialog);

  function send() {
    setKey(input.value.trim());
    input.value = "";
    onKey();
  }

  function open() {
    if (dialog.open) return;
    refused.textContent = key() ? words("key.refused") : "";
    dialog.showModal();
    input.focus();
  }

  return { open };
}
