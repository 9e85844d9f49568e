/** Trouble in words: what happened, and what to do now. */

import { element } from "../dom.js";
import { words } from "../words.js";

/**
 * Title and advice for an error of the interface. What the server itself says comes first.
 * @param {import("../api.js").ApiError} error
 * @returns {{title: string, advice: string}}
 */
export function troubleInWords(error) {
  const { detail, hint, title } = error.problem;
  if (error.kind === "server") return { title: detail || title || words("error.server"), advice: hint || "" };
  return { title: words(`error.${error.kind}`), advice: words(`error.${error.kind}.hint`, { seconds: error.seconds }) };
}

/**
 * A message that interrupts: title, advice, a button that tries again.
 * @param {{title: string, advice?: string, requestId?: string, action?: {label: string, run: function(): void}}} message
 * @returns {HTMLElement}
 */
export function alarm({ title, advice, requestId, action }) {
  const run = () => {
    document.getElementById("answers").focus({ preventScroll: true });
    action.run();
  };
  return element(
    "div", { class: "message message-alarm", role: "alert" },
    element("p", { class: "message-title" }, title),
    advice && element("p", {}, advice),
    requestId && element("p", { class: "small soft" }, words("error.request", { id: requestId })),
    action && element("button", { type: "button", class: "button", on: { click: run } }, action.label),
  );
}

/**
 * The alarm for an error of the interface.
 * @param {import("../api.js").ApiError} error
 * @param {{retry: function(): void, enterKey: function(): void}} ways out
 * @returns {HTMLElement}
 */
export function alarmFor(error, { retry, enterKey }) {
  const action = error.kind === "key" ? { label: words("key.enter"), run: enterKey } : { label: words("error.retry"), run: retry };
  return alarm({ ...troubleInWords(error), requestId: error.problem.request_id, action });
}
