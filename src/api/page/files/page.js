// Refresh, sort, copy. Without it the page shows and does everything else.
"use strict";
(() => {
  const button = (label, click) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.addEventListener("click", () => click(made));
    return made;
  };

  // Refresh: on while the address ends in #live, so that it stays on over a reload and can be kept as a bookmark.
  const tools = document.querySelector(".tools");
  let timer = 0;
  const busy = () => document.hidden || String(getSelection()) !== "" || document.activeElement.matches("input, summary");
  const live = () => {
    const on = location.hash === "#live";
    clearInterval(timer);
    refresh.setAttribute("aria-pressed", String(on));
    if (on) timer = setInterval(() => busy() || location.reload(), 30000);
  };
  const refresh = button("Refresh every 30 s", () => {
    history.replaceState(null, "", location.hash === "#live" ? location.pathname + location.search : "#live");
    live();
  });
  if (tools) {
    tools.append(refresh, button("Print", () => print()));
    addEventListener("hashchange", live);
    live();
  }

  // Sort: a button in each head of a table of several rows. Numbers and times by what they say.
  const key = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = Number(text.replace(/[, %]/g, ""));
    return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
  };
  const compare = (one, other) =>
    typeof one === typeof other ? (one < other ? -1 : one > other ? 1 : 0) : typeof one === "number" ? -1 : 1;
  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    if (body.rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const label = head.textContent;
      head.textContent = "";
      head.append(button(label, () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => [key(row, column), row]);
        rows.sort((one, other) => (down ? -1 : 1) * compare(one[0], other[0]));
        body.append(...rows.map((row) => row[1]));
      }));
    });
  }

  // Copy: where the browser lets nothing be copied for us, the command is selected.
  for (const code of document.querySelectorAll(".commands code")) {
    code.after(" ", button("Copy", async (made) => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        made.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        made.textContent = "Selected";
      }
    }));
  }
})();
