#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the documents point to is there: paths, links, and the options of the scripts that they show."""
import os
import re
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FOLDERS = r"(?:proto|common|client|worker|daemon|cli|systemd|tests|fuzz|bench|examples|docs|scripts|cmake|\.ci)"
DOCUMENTS = ["README.md", "CONTRIBUTING.md"] + sorted(
    os.path.join("docs", name) for name in os.listdir(os.path.join(ROOT, "docs")) if name.endswith(".md"))


def exists(path):
    return os.path.exists(os.path.join(ROOT, path))


class Docs(unittest.TestCase):
    def each(self):
        for document in DOCUMENTS:
            with open(os.path.join(ROOT, document), encoding="utf-8") as file:
                yield document, file.read()

    def test_every_path_exists(self):
        seen = 0
        for document, text in self.each():
            for path in re.findall(rf"`({FOLDERS}/[\w./+-]*)[^`]*`", text):
                seen += 1
                if not exists(path):
                    self.fail(f"{document} names {path}, which is not there")
            # A second file in a folder that was just named: `daemon/decide/lanes.cpp`, `dispatch.cpp`.
            for folder, others in re.findall(rf"`({FOLDERS}/[\w./+-]*/)[\w.+-]+`((?:, `[\w.+-]+\.[ch]pp`)+)", text):
                for other in re.findall(r"`([\w.+-]+)`", others):
                    if not exists(folder + other):
                        self.fail(f"{document} names {other} in {folder}, which is not there")
        self.assertGreater(seen, 50, "the pattern for paths finds hardly anything any more")

    def test_every_link_leads_somewhere(self):
        for document, text in self.each():
            # Code is no link, though a lambda looks like one.
            prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
            for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
                if "://" not in target and not exists(os.path.join(os.path.dirname(document), target)):
                    self.fail(f"{document} links to {target}, which is not there")


    def test_the_examples_of_the_client_page_are_compiled_and_run(self):
        with open(os.path.join(ROOT, "docs", "client.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```cpp\n(.*?)^```", file.read(), flags=re.DOTALL | re.MULTILINE)
        folder = os.path.join(ROOT, "tests", "system", "page")
        sources = ""
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                sources += re.sub(r"\s", "", file.read()) + "\n"
        self.assertGreater(len(blocks), 8)
        for block in blocks:
            # An example for both sides has a part in either program.
            for part in block.split("\n\n"):
                if re.sub(r"\s", "", part) not in sources:
                    self.fail(f"docs/client.md has an example that tests/system/page does not run:\n{part}")


if __name__ == "__main__":
    unittest.main()
