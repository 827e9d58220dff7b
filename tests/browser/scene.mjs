// A daemon with a made-up listing that has a history, and with peers of every state.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TOKENS = {
  noc: ["operator", "0123456789abcdef0123456789abcdef"],
  desk: ["query", "fedcba9876543210fedcba9876543210"],
};

const DAY = 24 * 3600 * 1000;

const DATE = /\b20\d\d-\d\d-\d\d\b/g;
const day = (at) => new Date(at).toISOString().slice(0, 10);

// Names that a page must show as text and nothing else.
const HOSTILE = [
  "<script>document.title='owned'</script>",
  "\"><img src=x onerror=alert(1)>",
  "=cmd|' /C calc'!A0",
  "Fern \u202e txt.exe \u001b[31m Telecom",
  `Long ${"x".repeat(4000)}`,
];

function stamp(at) {
  return at.toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
}

// The cells of the first columns of a listing's rows: its number, FRN and name have no line ends in them.
function providers(listing) {
  const found = [...listing.matchAll(/^"?(RMD\d{7})"?,"?(\d{10})"?,/gm)];
  return found.map(([, number, frn]) => ({ number, frn }));
}

export class Scene {
  // Weeks of history, each with some filings more, some less.
  // `recent` brings the dates that the listings name so far forward that the newest of the last is today.
  constructor({ bin, listings, peers, hostile = true, recent = false }) {
    this.bin = bin;
    this.directory = mkdtempSync(join(tmpdir(), "rmdd-page-"));
    this.state = join(this.directory, "state");
    const weeks = readdirSync(listings).length - 1;
    const read = (week) => readFileSync(join(listings, `${week}.csv`), "utf8");
    const newest = read(weeks).match(DATE).reduce((last, date) => (date > last ? date : last));
    const forward = Math.floor((Date.now() - Date.parse(newest)) / DAY) * DAY;
    const made = (week) => {
      const listing = recent ? read(week).replace(DATE, (date) => day(Date.parse(date) + forward)) : read(week);
      return hostile ? this.#plant(listing) : listing;
    };
    const archive = join(this.state, "archive");
    mkdirSync(archive, { recursive: true });
    for (let week = 0; week < weeks; week++) {
      const listing = made(week);
      const at = new Date(Date.now() - (weeks - week) * 7 * DAY + DAY);
      const file = join(archive, `${stamp(at)}-${createHash("sha256").update(listing).digest("hex")}.applied.csv.zst`);
      execFileSync("zstd", ["-q", "-o", file], { input: listing });
      this.before ??= listing;
    }
    this.now = made(weeks);
    this.listing = join(this.directory, "listing.csv");
    writeFileSync(this.listing, this.now);
    const tokens = join(this.directory, "tokens.toml");
    const entry = ([name, [right, token]]) => `[[token]]\nname = "${name}"\nright = "${right}"\ntoken = "${token}"\n`;
    writeFileSync(tokens, Object.entries(TOKENS).map(entry).join(""), { mode: 0o600 });
    this.config = join(this.directory, "rmdd.toml");
    this.peers = peers;
    this.weeks = weeks;
    writeFileSync(this.config, this.settings(tokens));
  }

  settings(tokens) {
    const own = providers(this.now)[5].frn;
    return `source = "${this.listing}"
state_dir = "${this.state}"
[grpc]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
[access]
tokens_file = "${tokens}"
[me]
frn = ["${own}"]
`;
  }

  // Gives some rows names that mean harm, the same ones every week.
  #plant(listing) {
    return listing.replace(/^("?RMD(\d{7})"?,"?\d{10}"?,)("(?:[^"]|"")*"|[^,\n]*)/gm, (row, before, number) => {
      const name = number % 40 === 0 ? HOSTILE[(number / 40) % HOSTILE.length] : null;
      return name === null ? row : `${before}"${name.replaceAll('"', '""')}"`;
    });
  }

  // Runs a command; again, where the machine is so busy that the daemon did not answer it in time.
  run(...args) {
    for (let tries = 1; ; tries++) {
      try {
        return execFileSync(join(this.bin, "rmdd"), ["--config", this.config, ...args], { encoding: "utf8" });
      } catch (error) {
        if (tries === 10 || !String(error.stderr).includes("does not answer")) throw error;
      }
    }
  }

  // Starts the daemon and puts peers on record: most stand, some were removed or never filed, some have clocks that run.
  async start() {
    // Its log goes to a file: nobody empties a pipe while a command runs below, and a full one would hold the daemon up.
    const log = join(this.directory, "daemon.log");
    const stdio = ["ignore", "pipe", openSync(log, "w")];
    this.daemon = spawn(join(this.bin, "rmdd"), ["--config", this.config, "serve"], { stdio });
    await new Promise((resolve, reject) => {
      let said = "";
      this.daemon.on("exit", (code) => reject(new Error(`the daemon ended with ${code}: ${readFileSync(log, "utf8")}`)));
      this.daemon.stdout.on("data", (data) => {
        said += data;
        const at = said.match(/listening on (127\.0\.0\.1:\d+) \(HTTP/);
        if (at && said.includes("administration")) resolve((this.url = `http://${at[1]}`));
      });
    });
    // All listings of the archive, and the one of now.
    for (;;) {
      const answer = await fetch(`${this.url}/v1/snapshots?page_size=1`);
      if (answer.ok && (await answer.json()).total > this.weeks) break;
    }
    // The store was begun anew from the archive, which is an alarm until somebody takes note of it.
    this.run("acknowledge", "--by", "noc");
    this.#bind();
    return this;
  }

  #bind() {
    const [stand, before] = [providers(this.now), providers(this.before)];
    const numbers = new Set(stand.map((one) => one.number));
    const frns = new Set(stand.map((one) => one.frn));
    const gone = before.filter((one) => !numbers.has(one.number) && !frns.has(one.frn));
    const rows = ["Trunk Group,FRN,Role"];
    for (let place = 0; place < this.peers; place++) {
      const name = `TG-${["Acme", "Bay", "Cedar", "Delta", "Elm"][place % 5]}-${place + 1}`;
      const of = place % 14 === 3 && gone.length ? gone[place % gone.length] : stand[(place * 17 + 5) % stand.length];
      rows.push(`${name},${place % 35 === 20 ? "0099999999" : of.frn},`);
    }
    const trunks = join(this.directory, "trunks.csv");
    writeFileSync(trunks, `${rows.join("\n")}\n`);
    this.run("peers", "import", trunks);
    const frn = (place) => stand[(place * 17 + 5) % stand.length].frn;
    const hours = (ago) => new Date(Date.now() - ago * 3600 * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
    this.run("notices", "add", "letter-1", frn(1), "--issued-at", hours(31));
    this.run("notices", "add", "letter-2", frn(2), "--issued-at", hours(5 * 24));
    this.run("overrides", "add", "deny", frn(4), "--why", "fraud, ticket <4711>", "--expires", "30d");
    this.run("orders", "add", "show_cause", "DA 26-237", frn(6), "--released", "2026-03-12");
    this.provider = stand[5];
    this.noticed = frn(1);
    this.refused = rows.slice(1).map((row) => row.split(",")[0]).filter((_, place) => place % 14 === 3);
  }

  // Calls, most accepted.
  async call(count) {
    const stand = providers(this.now);
    for (let place = 0; place < count; place++) {
      const who = place % 9 === 8 ? `peer:${this.refused[place % this.refused.length]}` : stand[place % stand.length].frn;
      await fetch(`${this.url}/v1/check/${encodeURIComponent(who)}`);
    }
  }

  async stop() {
    this.daemon.removeAllListeners("exit");
    const ended = new Promise((resolve) => this.daemon.on("exit", resolve));
    this.daemon.kill("SIGTERM");
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}
