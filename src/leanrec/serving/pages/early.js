/* Runs before the first paint, so that a remembered theme or language never flashes the other one. */
(function () {
  var root = document.documentElement;
  try {
    var theme = localStorage.getItem("leanrec.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    var language = localStorage.getItem("leanrec.language") || navigator.language;
    root.lang = /^zh/i.test(language) ? "zh-CN" : "en";
  } catch (refused) {
    /* Storage may be closed to us; the page then follows the system. */
  }
})();
