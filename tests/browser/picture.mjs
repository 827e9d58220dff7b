// The screenshot of README and docs/page.md, and the same in the dark: `just page-picture` runs it and writes docs/images/page.png.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { Scene, TOKENS } from "./scene.mjs";

const shots = process.env.PAGE_SCREENSHOTS ?? "target/screenshots";
mkdirSync(shots, { recursive: true });
const scene = await new Scene({
  bin: process.env.PAGE_BIN ?? "target/debug",
  listings: process.env.PAGE_LISTINGS ?? "target/listings",
  peers: 42,
  hostile: false,
  recent: true,
}).start();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  await scene.call(300);
  const httpCredentials = { username: "noc", password: TOKENS.noc[1], send: "always" };
  for (const colorScheme of ["light", "dark"]) {
    // As wide as tables need that stand row beside row, and as small as README shows it.
    const shown = { viewport: { width: 1600, height: 1350 }, deviceScaleFactor: 0.7 };
    const context = await browser.newContext({ baseURL: scene.url, httpCredentials, colorScheme, ...shown });
    const page = await context.newPage();
    // By the page that asks for a token, which a browser then shows to all others.
    await page.goto("/peers");
    await page.goto("/");
    await page.screenshot({ path: join(shots, `picture-${colorScheme}.png`) });
  }
} finally {
  await browser.close();
  await scene.stop();
}
