#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/check-includes finds each kind of offence, and names file and line."""
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "check-includes")


def load_script():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("check_includes", SCRIPT)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_includes", loader))
    loader.exec_module(module)
    return module


class CheckIncludes(unittest.TestCase):
    def check(self, files):
        """Runs the script over a tree of these files; returns its exit code and its lines."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run([SCRIPT, "--root", root], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout.splitlines()

    def assert_offence(self, files, *beginnings):
        code, lines = self.check(files)
        self.assertEqual(code, 1, lines)
        self.assertEqual(len(lines), len(beginnings), lines)
        for line, beginning in zip(lines, beginnings):
            self.assertTrue(line.startswith(beginning), f"{line!r} does not begin with {beginning!r}")

    def test_a_tree_that_keeps_the_layout_passes(self):
        code, lines = self.check({
            "common/fd.hpp": "#include <unistd.h>\n",
            "common/include/promised/types.hpp": "#include <string>\n",
            "daemon/flow.hpp": '#include <promised/types.hpp>\n#include "common/fd.hpp"\n',
            "daemon/door/door.cpp": '#include <zmq.h>\n#include "daemon/flow.hpp"\n',
            "tests/unit/x.cpp": '#include <sqlite3.h>\n#include "daemon/flow.hpp"\n',
        })
        self.assertEqual((code, lines), (0, ["check-includes: 5 files are in order"]))

    def test_a_back_edge_is_named_with_file_and_line(self):
        self.assert_offence({
            "daemon/flow.hpp": "",
            "common/fd.hpp": '\n#include "daemon/flow.hpp"\n',
        }, "common/fd.hpp:2: common must not include daemon/flow.hpp; it may know: common/include")

    def test_the_privileged_process_must_not_know_what_flows_through_the_daemon(self):
        self.assert_offence({
            "daemon/flow.hpp": "",
            "daemon/nouns.hpp": "",
            "daemon/spawner/spawner.hpp": '#include "daemon/nouns.hpp"\n#include "daemon/flow.hpp"\n',
        }, "daemon/spawner/spawner.hpp:2: daemon/spawner must not include daemon/flow.hpp; it may know: daemon/nouns")

    def test_one_stage_must_not_know_another(self):
        self.assert_offence({
            "daemon/store/store.hpp": "",
            "daemon/decide/scheduler.cpp": '#include "daemon/store/store.hpp"\n',
        }, "daemon/decide/scheduler.cpp:1: daemon/decide must not include daemon/store/store.hpp")

    def test_decide_must_not_know_the_wire_or_the_system(self):
        self.assert_offence({
            "common/wire/codec.hpp": "",
            "daemon/decide/a.cpp": '#include "common/wire/codec.hpp"\n#include <unistd.h>\n#include <sys/types.h>\n',
        }, "daemon/decide/a.cpp:1: daemon/decide must not include common/wire/codec.hpp",
           "daemon/decide/a.cpp:2: daemon/decide must not include <unistd.h>: decide does no I/O")

    def test_third_parties_stay_behind_their_folders(self):
        for header, name in [("zmq.h", "ZeroMQ"), ("zmq.hpp", "ZeroMQ"), ("sqlite3.h", "SQLite"),
                             ("google/protobuf/message.h", "protobuf"), ("proto/client.pb.h", "protobuf"),
                             ("systemd/sd-daemon.h", "systemd"), ("spdlog/spdlog.h", "spdlog"),
                             ("nlohmann/json.hpp", "nlohmann"), ("boost/program_options.hpp", "Boost"),
                             ("doctest/doctest.h", "doctest")]:
            with self.subTest(header=header):
                self.assert_offence({"daemon/pool/x.cpp": f"#include <{header}>\n"},
                                    f"daemon/pool/x.cpp:1: daemon/pool must not include <{header}>: {name} stays")

    def test_a_public_header_must_not_show_what_is_behind_it(self):
        self.assert_offence({
            "common/fd.hpp": "",
            "client/include/promised/client.hpp": '#include <zmq.h>\n#include "common/fd.hpp"\n',
        }, "client/include/promised/client.hpp:1: client/include must not include <zmq.h>",
           "client/include/promised/client.hpp:2: client/include must not include common/fd.hpp")

    def test_a_circle_is_named_with_all_its_files(self):
        self.assert_offence({
            "common/a.hpp": '#include "common/b.hpp"\n',
            "common/b.hpp": '#include "common/c.hpp"\n',
            "common/c.hpp": '\n\n#include "common/a.hpp"\n',
        }, "common/c.hpp:3: circle of includes: common/a.hpp -> common/b.hpp -> common/c.hpp -> common/a.hpp")

    def test_a_path_that_is_not_from_the_root_is_refused(self):
        self.assert_offence({"common/a.hpp": "", "common/b.hpp": '#include "a.hpp"\n'},
                            'common/b.hpp:1: "a.hpp" is not a path from the root of the repository')

    def test_a_program_of_its_own_includes_from_its_own_folder(self):
        example = "tests/system/package/example/"
        code, lines = self.check({example + "a.hpp": "", example + "b.cpp": '#include "a.hpp"\n'})
        self.assertEqual(code, 0, lines)
        self.assert_offence({example + "b.cpp": '#include "a.hpp"\n'}, example + 'b.cpp:1: "a.hpp" is not there')

    def test_a_public_header_that_is_not_there_is_named(self):
        self.assert_offence({"cli/a.cpp": "#include <promised/clint.hpp>\n"},
                            "cli/a.cpp:1: there is no public header <promised/clint.hpp>")

    def test_a_file_outside_all_modules_is_named(self):
        self.assert_offence({"misc/a.cpp": ""}, "misc/a.cpp:1: no module in scripts/check-includes covers this file")

    def test_an_empty_tree_is_an_error_and_not_a_success(self):
        code, _ = self.check({"README.md": ""})
        self.assertEqual(code, 1)

    def test_the_rules_themselves_have_no_circle(self):
        modules = load_script().MODULES
        seen = set()
        for module, allowed in modules.items():
            for other in allowed or []:
                self.assertIn(other, seen, f"{module} names {other}, which stands below it")
            seen.add(module)


if __name__ == "__main__":
    unittest.main()
