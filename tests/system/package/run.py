#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the installed package: what `cmake --install` gives to a developer.

    run.py --build=DIR --cxx=COMPILER --cmake=CMAKE --version=X.Y.Z

Installs the build in DIR into a temporary tree, which is neither the prefix that was configured nor any place that
linkers look at, and checks there that

  1. no header speaks of ZeroMQ or protobuf, and each compiles on its own;
  2. the libraries have their versions in their names, and show nothing but the C++ interface in `promised::`;
  3. an example application and its worker program (example/) build with find_package(promised), and a package of
     another minor version is not taken for this one;
  4. the same two build with pkg-config;
  5. both builds run: a daemon from the installed tree, a pool of the example's worker, and the application, which
     submits, fetches by name and meets a failure.

Exits with 0 if all of that holds; else with 1, after saying what does not, and the tree is kept.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED_OUTPUT = "Ada, 36: 2026\nAda, 36: 2026\nstd::out_of_range: no books before 1970\n"
PATIENCE_S = 60


class Failed(Exception):
    pass


def run(*command, env=None, expect=0):
    """Runs a command to its end; its output, or Failed with all that it said."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False,
                          env={**os.environ, **(env or {})}, timeout=PATIENCE_S * 15)
    if (done.returncode == 0) != (expect == 0):
        words = " ".join(str(c) for c in command)
        raise Failed(f"{words}\nexited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def only(paths, what):
    paths = list(paths)
    if len(paths) != 1:
        raise Failed(f"expected one {what}, found {len(paths)}: {paths}")
    return paths[0]


class Package:
    """The installed tree."""

    def __init__(self, root, options):
        self.root = root
        self.options = options
        run(options.cmake, "--install", options.build, env={"DESTDIR": str(root)})
        self.include = only(root.rglob("include/promised/client.hpp"), "client.hpp").parent.parent
        self.lib = only(root.rglob("libpromised_client.so"), "libpromised_client.so").parent
        self.prefix = self.include.parent
        self.environment = {"LD_LIBRARY_PATH": str(self.lib)}

    def program(self, name):
        return only((p for p in self.prefix.glob(f"*bin/{name}")), name)


def check_headers(package, scratch):
    names = sorted(p.relative_to(package.include) for p in package.include.rglob("*.hpp"))
    for name in names:
        text = (package.include / name).read_text()
        if re.search(r"#include [<\"](zmq|google/|common/|client/|worker/|proto/)", text):
            raise Failed(f"{name} includes what is not installed")
        source = scratch / "header.cpp"
        source.write_text(f"#include <{name}>\n")
        run(package.options.cxx, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
            f"-I{package.include}", source)
    return f"{len(names)} headers"


def check_symbols(package, _scratch):
    version = package.options.version
    for name in ("client", "worker"):
        library = package.lib / f"libpromised_{name}.so"
        whole = package.lib / f"libpromised_{name}.so.{version}"
        soname = f"libpromised_{name}.so.{version.split('.')[0]}"
        if library.resolve() != whole.resolve():
            raise Failed(f"{library} is not a link to {whole.name}")
        if f"[{soname}]" not in run("readelf", "-d", library):
            raise Failed(f"{library} has not the SONAME {soname}")
        shown = 0
        for line in run("nm", "-DC", "--defined-only", library).splitlines():
            symbol = line.split(" ", 2)[2]
            ours = re.match(r"(typeinfo for |typeinfo name for |vtable for )?promised::", symbol)
            if not ours or "promised::wire" in symbol or "google::" in symbol:
                raise Failed(f"{library.name} shows {symbol}")
            shown += 1
        if shown == 0:
            raise Failed(f"{library.name} shows nothing")
    return "client and worker"


def configure(package, build, version, expect=0):
    return run(package.options.cmake, "-S", HERE / "example", "-B", build, f"-DCMAKE_PREFIX_PATH={package.prefix}",
               f"-DCMAKE_CXX_COMPILER={package.options.cxx}",
               f"-DPROMISED_VERSION={version}", expect=expect)


def build_with_cmake(package, scratch):
    build = scratch / "with-cmake"
    configure(package, build, package.options.version)
    run(package.options.cmake, "--build", build)
    return build


def check_version(package, scratch):
    major, minor = package.options.version.split(".")[:2]
    other = f"{major}.{int(minor) + 1}"
    said = configure(package, scratch / "other-version", other, expect=1)
    if package.options.version not in said:
        raise Failed(f"asked for {other}, CMake does not name the version that is there:\n{said}")
    return f"{other} is refused"


def build_with_pkg_config(package, scratch):
    build = scratch / "with-pkg-config"
    build.mkdir()
    found = {"PKG_CONFIG_PATH": str(package.lib / "pkgconfig")}
    for program, module in (("application", "promised-client"), ("worker", "promised-worker")):
        flags = run("pkg-config", "--cflags", "--libs", module, env=found).split()
        version = run("pkg-config", "--modversion", module, env=found).strip()
        if version != package.options.version:
            raise Failed(f"{module} says that it is {version}, not {package.options.version}")
        run(package.options.cxx, "-std=c++20", HERE / "example" / f"{program}.cpp", *flags,
            "-o", build / program)
    return build


class Daemon:
    """A daemon of the installed tree with one pool, until the end of the block."""

    def __init__(self, package, build, directory):
        self.package = package
        self.directory = directory
        self.endpoint = f"ipc://{directory}/promised.sock"
        directory.mkdir()
        config = directory / "promised.conf"
        config.write_text(f"[daemon]\nendpoint = {self.endpoint}\nstate_dir = {directory}/state\n"
                          f"[pool.example]\nprogram = {build}/worker\nsize = 2\n"
                          f"environment = LD_LIBRARY_PATH={package.lib}\n")
        self.command = [package.program("promised"), "--config", config]

    def __enter__(self):
        with open(self.directory / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log,
                                            env={**os.environ, **self.package.environment})
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = "never"
        if code != 0:
            raise Failed(f"promised, on SIGTERM, exited with {code}:\n{self.log()}")

    def log(self):
        return (self.directory / "log").read_text(encoding="utf-8")


def check_run(package, build, scratch):
    environment = dict(package.environment)
    with Daemon(package, build, scratch / "daemon") as daemon:
        environment["PROMISED_ENDPOINT"] = daemon.endpoint
        deadline = time.monotonic() + PATIENCE_S
        ctl = package.program("promisectl")
        while subprocess.run([ctl, "status"], env={**os.environ, **environment, "LD_LIBRARY_PATH": ""}, check=False,
                             capture_output=True).returncode != 0:
            if time.monotonic() > deadline or daemon.process.poll() is not None:
                raise Failed(f"the daemon does not become healthy:\n{daemon.log()}")
            time.sleep(0.05)
        said = run(build / "application", env=environment)
        if said != EXPECTED_OUTPUT:
            raise Failed(f"the application said\n{said}\nnot\n{EXPECTED_OUTPUT}")
    shutil.rmtree(scratch / "daemon")
    return "submits, fetches by name, meets a failure"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("build", "cxx", "cmake", "version"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    top = pathlib.Path(tempfile.mkdtemp(prefix="promised-package-"))
    scratch = top / "scratch"
    scratch.mkdir()
    try:
        package = Package(top / "root", options)
        for check in (check_headers, check_symbols, check_version):
            print(f"{check.__name__}: {check(package, scratch)}", flush=True)
        for build_with in (build_with_cmake, build_with_pkg_config):
            build = build_with(package, scratch)
            print(f"{build_with.__name__}: {check_run(package, build, scratch)}", flush=True)
    except (Failed, subprocess.TimeoutExpired) as e:
        print(f"run.py: {e}\nrun.py: the tree is kept in {top}", file=sys.stderr)
        return 1
    shutil.rmtree(top)
    return 0


if __name__ == "__main__":
    sys.exit(main())
