// What is wrong with the layout of a page: too wide, texts that nobody can get at, controls on top of each other.
() => {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`wider by ${root.scrollWidth - root.clientWidth} px`);

  const say = (element) => `${element.tagName.toLowerCase()}.${element.className} "${(element.textContent || element.value || "").trim().slice(0, 30)}"`;
    const above = function* (element) {
    for (let one = element; one && one !== root; one = one.parentElement) yield one;
  };
  // What only screen readers are told stands in a box of one pixel.
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && ![...above(element)].some((one) => one.clientWidth === 1);
  const within = (rect, box) => rect.left >= box.left - 1 && rect.right <= box.right + 1;

  // A text may be cut where it can be scrolled to, or where the whole of it is told by a title.
  function isLost(element, rect) {
    for (const one of above(element)) {
      const { overflowX } = getComputedStyle(one);
      if (overflowX === "visible" || one === document.body) continue;
      if (within(rect, one.getBoundingClientRect())) continue;
      return (overflowX === "hidden" || overflowX === "clip") && !element.closest("[title]");
    }
    return !within(rect, { left: 0, right: root.clientWidth });
  }

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const lost = new Set();
  while (texts.nextNode()) {
    const { parentElement, data } = texts.currentNode;
    if (!data.trim() || !isShown(parentElement) || lost.has(parentElement)) continue;
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    if ([...range.getClientRects()].some((rect) => rect.width > 1 && isLost(parentElement, rect))) lost.add(parentElement);
  }
  for (const element of lost) faults.push(`cut off: ${say(element)}`);

  // Boxes of the controls, as far as what scrolls shows them.
  const boxes = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(isShown).flatMap((element) => {
    if ([...above(element)].some((one) => ["fixed", "sticky"].includes(getComputedStyle(one).position))) return [];
    return [...element.getClientRects()].map((rect) => {
      const box = { element, left: rect.left, right: rect.right, top: rect.top, bottom: rect.bottom };
      for (const one of above(element.parentElement)) {
        if (getComputedStyle(one).overflowX === "visible") continue;
        const edge = one.getBoundingClientRect();
        box.left = Math.max(box.left, edge.left);
        box.right = Math.min(box.right, edge.right);
        box.top = Math.max(box.top, edge.top);
        box.bottom = Math.min(box.bottom, edge.bottom);
      }
      return box;
    });
  }).filter((box) => box.right - box.left > 1);
  boxes.forEach((one, at) => {
    for (const other of boxes.slice(at + 1)) {
      if (one.element.contains(other.element) || other.element.contains(one.element)) continue;
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      // Lines of one paragraph share a pixel or two.
      if (width > 2 && height > 3) faults.push(`on top of each other: ${say(one.element)} and ${say(other.element)}`);
    }
  });
  return faults;
}
