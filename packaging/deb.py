"""Builds the .deb by dpkg-deb from the list of files in Cargo.toml, `[package.metadata.deb]`, where cargo-deb is not here.

    deb.py VERSION ARCHITECTURE DIRECTORY [-Zgzip ...]     what stands last goes to dpkg-deb
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib

version, architecture, packages, *flags = sys.argv[1:]
package = tomllib.load(open("Cargo.toml", "rb"))["package"]
deb = package["metadata"]["deb"]
epoch = int(os.environ["SOURCE_DATE_EPOCH"])

with tempfile.TemporaryDirectory() as root:
    os.chmod(root, 0o755)

    def directory(path):
        if not os.path.isdir(path):
            directory(os.path.dirname(path))
            os.mkdir(path)
            os.chmod(path, 0o755)

    def put(source, destination, mode):
        destination = os.path.join(root, destination)
        directory(os.path.dirname(destination))
        shutil.copyfile(source, destination)
        os.chmod(destination, int(mode, 8))

    for source, destination, mode in deb["assets"]:
        found = sorted(path for path in glob.glob(source) if os.path.isfile(path))
        if not found:
            sys.exit(f"{source}: there is no such file")
        for path in found:
            put(path, destination + os.path.basename(path) if destination.endswith("/") else destination, mode)
    put(deb["license-file"][0], "usr/share/doc/rmdd/copyright", "644")
    # What the program is linked against, as dpkg-shlibdeps finds it, where it is here.
    depends = deb["depends"].replace("$auto", "libc6 (>= 2.34), libgcc-s1 (>= 4.2)")
    size = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(root) for name in names)
    long = "".join(f" {line or '.'}\n" for line in deb["extended-description"].strip().split("\n"))
    control = (
        f"Package: {package['name']}\nVersion: {version}\nArchitecture: {architecture}\n"
        f"Section: {deb['section']}\nPriority: {deb['priority']}\nInstalled-Size: {size // 1024 + 1}\n"
        f"Maintainer: {deb['maintainer']}\nDepends: {depends}\nRecommends: {deb['recommends']}\n"
        f"Homepage: https://www.fcc.gov/robocall-mitigation-database\n"
        f"Description: {package['description'].split(' and answers')[0]}\n{long}"
    )
    directory(os.path.join(root, "DEBIAN"))
    open(os.path.join(root, "DEBIAN/control"), "w").write(control)
    open(os.path.join(root, "DEBIAN/conffiles"), "w").write("".join(f"{path}\n" for path in deb["conf-files"]))
    for script in sorted(os.listdir(deb["maintainer-scripts"])):
        put(os.path.join(deb["maintainer-scripts"], script), f"DEBIAN/{script}", "755")
    sums = subprocess.run(
        "find . -type f ! -path './DEBIAN/*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 md5sum",
        shell=True, cwd=root, check=True, capture_output=True,
    ).stdout
    open(os.path.join(root, "DEBIAN/md5sums"), "wb").write(sums)
    for name in ("control", "conffiles", "md5sums"):
        os.chmod(os.path.join(root, "DEBIAN", name), 0o644)
    for at, folders, names in os.walk(root):
        for name in [*folders, *names, "."]:
            os.utime(os.path.join(at, name), (epoch, epoch))
    subprocess.run(["dpkg-deb", "--root-owner-group", *flags, "--build", root, packages], check=True)
