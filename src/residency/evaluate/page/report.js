// One comfort, not needed to read the page: choosing light or dark. What is unfolded is what is printed.
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
})();
