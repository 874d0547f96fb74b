#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""S10 what cannot be an argument, a result or a worker's function does not compile, and the compiler's first words on it say
what to do. Takes the compiler from PROMISED_COMPILER."""
import os
import re
import subprocess
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
INCLUDES = ["client/include", "common/include", "worker/include"]
CANNOT = ("this type cannot be an argument or a result; give its struct a PROMISED_STRUCT(Type, field, ...) line or use one of "
          "the types in <promised/convert.hpp>")
CLIENT = "#include <promised/client.hpp>\nstruct Plain { int x; };\nvoid f(promised::Client& c) { %s }\n"
WORKER = ("#include <promised/worker.hpp>\nstruct Plain { int x; };\nint over(int);\nint over(double);\n"
          "void f(promised::Worker& w) { %s }\n")
# What is written, and what its writer is told.
CASES = [
    (CLIENT, 'c.submit<int>("f", Plain{1});', CANNOT),
    (CLIENT, 'c.submit<int>("f", static_cast<void*>(nullptr));', CANNOT),
    (CLIENT, "c.submit<int>(\"f\", 'x');", CANNOT),
    (CLIENT, 'c.submit<int>("f", std::vector<Plain>{});', CANNOT),
    (CLIENT, '(void)c.submit<Plain>("f").result();', CANNOT),
    (CLIENT, '(void)c.map<int>("f");', "a map needs a range to go over"),
    (WORKER, 'w.define("f", [](Plain) { return 1; });', "a parameter's type cannot be an argument; give its struct a"),
    (WORKER, 'w.define("f", [](int) { return Plain{1}; });', "the function's result type cannot be one; give its struct a"),
    (WORKER, 'w.define("f", [](std::string&) { return 1; });',
     "a worker function takes its arguments by value or const reference; only Job& may be a reference that is not const"),
    (WORKER, 'w.define("f", [](int, promised::Job&) { return 1; });', "only as the first parameter"),
    (WORKER, 'w.define("f", [](auto x) { return x; });', "the signature cannot be read from this type; pass a function"),
]


def compile(source):
    command = [os.environ["PROMISED_COMPILER"], "-std=c++20", "-fsyntax-only", "-x", "c++", "-"]
    for folder in INCLUDES:
        command += ["-I", os.path.join(ROOT, folder)]
    done = subprocess.run(command, input=source, capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"), check=False)
    return done.returncode, done.stderr


class CompileFail(unittest.TestCase):
    def test_what_fits_compiles(self):
        for frame, good in [(CLIENT, '(void)c.submit<int>("f", 1, "text").result();'),
                            (WORKER, 'w.define("f", [](promised::Job&, int) { return 1; });')]:
            code, told = compile(frame % good)
            self.assertEqual(code, 0, told)

    def test_what_does_not_fit_is_told_in_words(self):
        for frame, bad, expected in CASES:
            with self.subTest(bad):
                code, told = compile(frame % bad)
                self.assertNotEqual(code, 0, "it compiles")
                errors = re.findall(r"error: (.*)", told)
                self.assertTrue(any(expected in error for error in errors[:3]), f"expected: {expected}\nfound:\n{told[:2000]}")


if __name__ == "__main__":
    unittest.main()
