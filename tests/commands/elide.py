"""Puts `[..]` where times, sizes and paths stand in what the guide prints, after `TRYCMD=overwrite`: see `just guide-anew`."""

import glob
import re

TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?( UTC|Z)?( \((in )?[^()]*?( ago)?\))?( \([A-Z][a-z]{2} [^()]*\))?"
RULES = [
    (TIME, "[..]"),
    (r"\((\d+ (s|min|h|d) ?)+ago\)", "([..])"),
    (r"since \d{4}-\d\d-\d\d", "since [..]"),
    (r"^(\s+)\d{4}-\d\d-\d\d$", r"\1[..]"),
    (r"\(supposed\) of \d{4}-\d\d-\d\d", "(supposed) of [..]"),
    (r"confirmed \d+ \w+ ago", "confirmed [..] ago"),
    (r"content \d+ (days|months) old", "content [..] old"),
    (r"^(LIST +filings |        removals |SYNC +)\S.*", r"\1[..]"),
    (r"/tmp/\.tmp\w+", "[..]"),
    (r"\d+(\.\d+)? [KM]iB", "[..]"),
    (r"(schedule +)\S.*\(cron, UTC\)", r"\1[..] (cron, UTC)"),
    (r"\[\.\.\](\s*\[\.\.\])+", "[..]"),
]


def line(text):
    if not text.startswith("$ "):
        for found, shown in RULES:
            text = re.sub(found, shown, text)
    return text


for page in [*glob.glob("docs/*.md"), "README.md"]:
    text = open(page).read()
    elided = re.sub(
        r"(?s)```console\n.*?\n```", lambda block: "\n".join(line(one) for one in block.group(0).split("\n")), text
    )
    if elided != text:
        open(page, "w").write(elided)
