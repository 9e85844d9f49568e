/** What must hold while a list changes under the reader: the focus stays near, and items slide instead of jumping. */

const SLIDE_MS = 320;

/**
 * Change a list and give the focus back: to the same button, or, when its item left, to that of the item now in its place.
 * @param {HTMLElement} list
 * @param {HTMLElement} heading takes the focus when the list is empty
 * @param {function(): void} change
 */
export function keepingFocus(list, heading, change) {
  const focused = document.activeElement;
  const row = list.contains(focused) ? focused.closest("li") : null;
  const place = row ? [...list.children].indexOf(row) : -1;
  change();
  if (!row || (document.activeElement === focused && focused.isConnected)) return;
  const heir = row.isConnected ? row : list.children[Math.min(place, list.children.length - 1)];
  const target = heir?.querySelector(`[data-action="${focused.dataset.action}"]`) ?? heading;
  target.focus({ preventScroll: row.isConnected });
}

/**
 * Change a list, then let each item slide from where it was; new ones fade in.
 * @param {HTMLElement} list
 * @param {function(): void} change
 */
export function sliding(list, change) {
  const tops = new Map([...list.children].map((row) => [row, row.offsetTop]));
  change();
  for (const row of list.children) {
    const before = tops.get(row);
    if (before === row.offsetTop) continue;
    const start = before === undefined ? { opacity: 0 } : { transform: `translateY(${before - row.offsetTop}px)` };
    const frames = [start, { opacity: 1, transform: "none" }];
    row.animate(frames, { duration: SLIDE_MS, easing: "cubic-bezier(0.2, 0.7, 0.2, 1)" });
  }
}
