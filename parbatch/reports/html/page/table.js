/* The table of items: unpacked once, searched and sorted here, a page of it shown. Text only, never markup. */
"use strict";
(() => {
  const { statuses } = JSON.parse(document.getElementById("figures").textContent);
  const [ID, NAME, GROUP, STATUS, ATTEMPTS, SECONDS, BYTES, OUTPUTS, MORE, LOGS, STEM] = Array(11).keys();
  const PAGE = 100;
  const place = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en");
  const order = new Intl.Collator("en", { numeric: true }).compare;
  const text = (key) => (a, b) => order(key(a), key(b));
  const size = (column) => (a, b) => (a[column] ?? -1) - (b[column] ?? -1);
  const name = (row) => row[NAME] || row[ID];

  const COLUMNS = [
    { title: "Item", cell: item, compare: text(name) },
    { title: "Group", cell: (row) => row[GROUP], compare: text((row) => row[GROUP]), kind: "c-group" },
    { title: "Status", cell: status, compare: size(STATUS) },
    { title: "Attempts", cell: (row) => String(row[ATTEMPTS]), compare: size(ATTEMPTS), kind: "n c-attempts" },
    { title: "Duration", cell: (row) => row[SECONDS] === null ? "" : duration(row[SECONDS]), compare: size(SECONDS), kind: "n" },
    { title: "Memory", cell: (row) => row[BYTES] ? `${(row[BYTES] / 2 ** 20).toFixed(0)} MB` : "", compare: size(BYTES), kind: "n c-memory" },
    { title: "Files", cell: files, compare: size(LOGS) },
  ];

  let rows = [];
  let words = [];
  let found = [];
  let page = 0;
  let sorted = { column: -1, way: 1 };

  function make(tag, content, kind) {
    const element = document.createElement(tag);
    if (content !== undefined) element.append(content);
    if (kind) element.className = kind;
    return element;
  }
  function duration(value) {
    return value < 0.9995 ? `${Number((value * 1000).toPrecision(3))} ms` : `${number.format(Number(value.toPrecision(3)))} s`;
  }
  function item(row) {
    const cell = make("span");
    cell.append(make("bdi", name(row)));
    if (row[NAME]) cell.append(make("small", make("bdi", row[ID])));
    return cell;
  }
  function status(row) {
    const word = statuses[row[STATUS]];
    return make("span", word, `badge s-${word}`);
  }
  function link(path, shown, kind) {
    const anchor = make("a", make("bdi", shown), kind);
    anchor.setAttribute("href", path.split("/").map(encodeURIComponent).join("/"));
    return anchor;
  }
  function files(row) {
    const cell = make("span");
    for (const output of row[OUTPUTS]) {
      const [shown, path] = typeof output === "string" ? [output, output] : output;
      cell.append(link(`items/${path}`, shown));
    }
    if (row[MORE]) cell.append(`and ${row[MORE]} more `);
    ["stdout", "stderr"].forEach((stream, index) => {
      if (row[LOGS] & (index + 1)) cell.append(link(`run/logs/${row[STEM] || row[ID]}.${stream}.txt`, stream, "log"));
    });
    return cell;
  }

  async function unpack() {
    const packed = Uint8Array.from(atob(place("rows").textContent), (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }
  function words_of(row) {
    const paths = row[OUTPUTS].map((output) => typeof output === "string" ? output : output[0]);
    return [row[ID], row[NAME] || "", row[GROUP], ...paths].join("\n").toLowerCase();
  }

  function search() {
    const wanted = place("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const only = place("status").value;
    found = [];
    rows.forEach((row, index) => {
      if (only !== "" && row[STATUS] !== Number(only)) return;
      if (wanted.every((word) => words[index].includes(word))) found.push(row);
    });
    if (sorted.column >= 0) {
      const { compare } = COLUMNS[sorted.column];
      found.sort((a, b) => sorted.way * compare(a, b));
    }
    page = 0;
    show();
  }
  function show() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    place("body").replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map((row) => {
      const line = make("tr");
      for (const { cell, kind } of COLUMNS) line.append(make("td", cell(row), kind));
      return line;
    }));
    place("found").textContent = `${number.format(found.length)} of ${number.format(rows.length)} shown`;
    place("page").textContent = `Page ${page + 1} of ${number.format(pages)}`;
    place("previous").disabled = page === 0;
    place("next").disabled = page >= pages - 1;
    document.querySelectorAll("#head th").forEach((head, index) => {
      const here = index === sorted.column;
      head.setAttribute("aria-sort", here ? (sorted.way > 0 ? "ascending" : "descending") : "none");
      head.querySelector("span").textContent = here ? (sorted.way > 0 ? " ▲" : " ▼") : "";
    });
  }
  function turn(by) {
    page += by;
    show();
    place("items").scrollIntoView();
  }

  function build() {
    COLUMNS.forEach(({ title, kind }, index) => {
      const button = make("button", title);
      button.type = "button";
      const arrow = make("span");
      arrow.setAttribute("aria-hidden", "true");
      button.append(arrow);
      button.addEventListener("click", () => {
        sorted = { column: index, way: sorted.column === index ? -sorted.way : 1 };
        search();
      });
      const head = make("th", button, kind);
      head.scope = "col";
      place("head").append(head);
    });
    const present = new Set(rows.map((row) => row[STATUS]));
    statuses.forEach((word, index) => {
      if (!present.has(index)) return;
      const option = make("option", word);
      option.value = String(index);
      place("status").append(option);
    });
    let due;
    place("search").addEventListener("input", () => {
      clearTimeout(due);
      due = setTimeout(search, rows.length > 20000 ? 150 : 0);
    });
    place("status").addEventListener("change", search);
    document.querySelector("form.search").addEventListener("submit", (event) => event.preventDefault());
    place("previous").addEventListener("click", () => turn(-1));
    place("next").addEventListener("click", () => turn(1));
  }

  unpack().then((unpacked) => {
    rows = unpacked;
    words = rows.map(words_of);
    build();
    search();
    place("table").hidden = false;
  }, (error) => {
    place("items").append(make("p", `This browser can't unpack the table (${error.message}); report.json and the checkpoint have it.`, "note"));
  });
})();
