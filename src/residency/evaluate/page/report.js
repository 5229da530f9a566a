// Two comforts, neither needed to read the page: choosing light or dark, and printing with everything unfolded.
(function () {
  var root = document.documentElement, button = document.getElementById("theme");
  var dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  function show() { button.textContent = dark ? "Light" : "Dark"; }
  button.hidden = false;
  show();
  button.addEventListener("click", function () {
    dark = !dark;
    root.dataset.theme = dark ? "dark" : "light";
    show();
  });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (part) { part.open = true; });
  });
})();
