// The page in a real browser: what axe-core finds on every path in both schemes at 320 and 1,920 pixels, the keyboard alone,
// without scripts, names that mean harm; and a screenshot of each. `just page-check` runs it: PAGE_BIN is where the program is,
// PAGE_LISTINGS where the listings of a made-up world are, week by week.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test, before, after } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

import { Scene, TOKENS } from "./scene.mjs";

const bin = process.env.PAGE_BIN ?? "target/debug";
const listings = process.env.PAGE_LISTINGS ?? "target/listings";
const shots = process.env.PAGE_SCREENSHOTS ?? "target/screenshots";
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// A browser shows it where it is asked for it; what this file itself asks for has it from the start.
const noc = { httpCredentials: { username: "noc", password: TOKENS.noc[1], send: "always" } };

let scene;
let browser;
let paths;

before(async () => {
  assert(existsSync(executablePath), `${executablePath} is not here`);
  mkdirSync(shots, { recursive: true });
  scene = await new Scene({
    bin,
    listings,
    peers: Number(process.env.PAGE_PEERS ?? "42"),
    hostile: !process.env.PAGE_TAME,
  }).start();
  await scene.call(300);
  browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP evil.example 127.0.0.1"],
  });
  paths = {
    overview: "/",
    peers: "/peers",
    provider: `/provider/${scene.provider.frn}`,
    noticed: `/provider/${scene.noticed}`,
    unknown: "/provider/RMD0999999",
    removals: "/removals",
    changes: "/changes",
    search: "/search?q=telecom",
    hostile: "/search?q=" + encodeURIComponent("script document title owned"),
    nobody: "/provider/..%2f",
  };
});

after(async () => {
  await browser?.close();
  await scene?.stop();
});

// A page of a browser that tells what went wrong in it.
async function open(options = {}) {
  const context = await browser.newContext({ baseURL: scene.url, ...noc, ...options });
  const page = await context.newPage();
  page.faults = [];
  // A page that says 404 is one, and no fault of it.
  const isFault = (text) => !text.includes("Failed to load resource");
  page.on("console", (message) => message.type() === "error" && isFault(message.text()) && page.faults.push(message.text()));
  page.on("pageerror", (error) => page.faults.push(String(error)));
  // As a person does: by the page that asks for a token, which a browser then shows to all others.
  if (!("httpCredentials" in options)) await page.goto("/peers");
  page.on("dialog", (dialog) => page.faults.push(dialog.message()) && dialog.dismiss());
  return page;
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1920]) {
    test(`axe-core finds nothing, and nothing is wider than the window: ${colorScheme}, ${width} px`, async () => {
      const page = await open({ colorScheme, viewport: { width, height: 1080 } });
      for (const [name, path] of Object.entries(paths)) {
        await page.goto(path);
        const file = join(shots, `${name}-${colorScheme}-${width}.png`);
        await page.screenshot({ path: file, fullPage: true });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert(wide <= width, `${path} is ${wide} px wide`);
        const { violations } = await new AxeBuilder({ page }).withTags(STANDARD).analyze();
        const told = violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
        assert.deepEqual(told, [], path);
        assert.notEqual(await page.title(), "owned");
      }
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });
  }
}

test("nothing is wider than the window in between either", async () => {
  const page = await open();
  for (const width of [480, 768, 1024, 1280, 1600]) {
    await page.setViewportSize({ width, height: 900 });
    for (const path of [paths.overview, paths.peers, paths.noticed, paths.hostile, paths.removals]) {
      await page.goto(path);
      const wide = await page.evaluate(() => {
        const [inner, all] = [document.documentElement.clientWidth, [...document.querySelectorAll("main *")]];
        const out = all.filter((one) => !one.closest(".unseen, thead, svg") && one.getBoundingClientRect().right > inner + 1);
        return out.map((one) => one.outerHTML.slice(0, 120)).slice(0, 2);
      });
      assert.deepEqual(wide, [], `${path} at ${width} px`);
    }
  }
  await page.context().close();
});

test("the keyboard alone reaches everything that can be clicked", async () => {
  const page = await open({ viewport: { width: 1280, height: 900 } });
  for (const path of [paths.overview, paths.noticed]) {
    await page.goto(path);
    const wanted = await page.locator("a:visible, button:visible, input:visible, summary:visible").count();
    const reached = new Set();
    for (let pressed = 0; pressed < wanted + 20; pressed++) {
      await page.keyboard.press("Tab");
      const place = await page.evaluate(() => {
        const all = [...document.querySelectorAll("a, button, input, summary")];
        const ring = getComputedStyle(document.activeElement).outlineStyle;
        return document.activeElement === document.body ? "" : `${all.indexOf(document.activeElement)} ${ring}`;
      });
      if (place !== "") reached.add(place);
    }
    assert(reached.size >= wanted, `${path}: ${reached.size} of ${wanted}`);
    assert([...reached].every((place) => !place.endsWith("none")), "what has the focus is seen");
  }
  await page.goto("/");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main", "the way past the header");
  await page.context().close();
});

test("without scripts everything that matters is there, and every link leads somewhere", async () => {
  const page = await open({ javaScriptEnabled: false });
  const [seen, waiting] = [new Set(), ["/"]];
  while (waiting.length > 0 && seen.size < 60) {
    const path = waiting.shift();
    if (seen.has(path)) continue;
    seen.add(path);
    if (path.includes("format=csv")) {
      const csv = await page.request.get(path);
      assert.deepEqual([csv.status(), csv.headers()["content-type"]], [200, "text/csv; charset=utf-8; header=present"], path);
      continue;
    }
    const answer = await page.goto(path);
    assert.equal(answer.status(), 200, path);
    const links = await page.locator("a[href^='/']").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    // One of a kind is enough: cards and the ways to narrow down are many.
    const kind = (path) => path.replace(/\/provider\/.*/, "/provider").replace(/=[^&]*/g, "=");
    const kinds = new Set([...seen, ...waiting].map(kind));
    for (const link of links) {
      if (!kinds.has(kind(link))) {
        kinds.add(kind(link));
        waiting.push(link);
      }
    }
  }
  assert(seen.size > 12, [...seen].join(" "));
  await page.goto("/");
  await page.fill("#q", "telecom");
  await page.press("#q", "Enter");
  assert.match(page.url(), /\/search\?q=telecom$/);
  await page.context().close();
});

test("the script sorts, copies and refreshes, and is small; the page comes whole in 60 kB", async () => {
  const page = await open();
  const wanted = new Set();
  page.on("request", (request) => wanted.add(new URL(request.url()).pathname));
  await page.goto("/", { waitUntil: "networkidle" });
  let bytes = 0;
  for (const path of wanted) bytes += (await (await page.request.get(path)).body()).length;
  assert.deepEqual([...wanted].filter((path) => !["/", "/page.css", "/page.js", "/icon.svg"].includes(path)), []);
  assert(bytes > 0 && bytes <= 60_000, `${bytes} bytes`);
  console.log(`the overview with all it needs: ${bytes} bytes`);
  await page.goto("/peers");
  const column = (place) => page.locator(`#peers tbody td:nth-child(${place})`).allTextContents();
  await page.click("#peers th:nth-child(2) button");
  const names = await column(2);
  assert.deepEqual(names, [...names].sort((one, other) => (one.toLowerCase() < other.toLowerCase() ? -1 : 1)));
  assert.equal(await page.getAttribute("#peers th:nth-child(2)", "aria-sort"), "ascending");
  await page.click("text=Refresh every 30 s");
  assert.match(page.url(), /#live$/);
  await page.goto(paths.provider);
  await page.click(".commands button >> nth=0");
  // The clipboard takes its time.
  await page.locator(".commands button >> nth=0").filter({ hasText: /Copied|Selected/ }).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("on paper there is the content alone", async () => {
  const page = await open();
  await page.goto("/");
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("nav:visible, form:visible, .csv:visible, .tools:visible").count(), 0);
  assert.equal(await page.locator("h1:visible, #todo:visible").count(), 2);
  await page.screenshot({ path: join(shots, "overview-print.png"), fullPage: true });
  await page.context().close();
});

test("whoever shows nothing sees the listing and no peers, and a name that is not the daemon's is refused", async () => {
  const page = await open({ httpCredentials: undefined });
  await page.goto("/");
  const text = await page.textContent("body");
  assert(!text.includes("TG-") && text.includes("Sign in"), text);
  const peers = await page.request.get("/peers");
  assert.deepEqual([peers.status(), (await peers.text()).includes("TG-")], [401, false]);
  const foreign = await page.goto(scene.url.replace("127.0.0.1", "evil.example"));
  assert.equal(foreign.status(), 421);
  await page.context().close();
});
