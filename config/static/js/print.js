// data-print prints the page: the browser's dialog also offers a file.
export function watchPrints() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) print();
  });
}
