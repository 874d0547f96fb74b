#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md names every message and every field of proto/*.proto, and no code of a refusal is missing."""
import os
import re
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FIELD = re.compile(r"^(?:optional |repeated )?[\w.]+ (\w+) = \d+$")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def names(text):
    """The messages and fields of a .proto file."""
    text = re.sub(r"//[^\n]*", "", text)
    messages = set(re.findall(r"\bmessage (\w+)", text))
    fields = set()
    for statement in re.split(r"[;{}]", text):
        match = FIELD.match(" ".join(statement.split()))
        if match:
            fields.add(match.group(1))
    return messages, fields


class ProtocolDoc(unittest.TestCase):
    def setUp(self):
        self.doc = read("docs", "protocol.md")

    def test_every_message_and_field_is_explained(self):
        for file in ("job.proto", "client.proto", "worker.proto"):
            messages, fields = names(read("proto", file))
            self.assertTrue(messages and fields, f"{file} could not be read")
            # Parts of Value and Arguments that only carry others, and the oneof's own names for the messages.
            carriers = {"Entry", "List", "Map", "Named"}
            bodies = {m.lower() for m in messages}
            fields = {f for f in fields if f.replace("_", "") not in bodies}
            for name in sorted((messages - carriers) | fields):
                if not re.search(rf"(`|\*\*){name}\b", self.doc):
                    self.fail(f"docs/protocol.md does not explain {name} of {file}")

    def test_every_code_of_a_refusal_is_explained(self):
        codes = set()
        for folder in ("daemon/decide", "daemon/door"):
            for file in sorted(os.listdir(os.path.join(ROOT, folder))):
                if file.endswith(".cpp"):
                    codes |= set(re.findall(r'(?:\.code = |none\(|refuse\()"(\w+)"', read(folder, file)))
        self.assertIn("limit", codes, "the pattern for codes finds nothing any more")
        for code in sorted(codes):
            if f"| `{code}` |" not in self.doc:
                self.fail(f"docs/protocol.md does not explain the refusal {code}")


if __name__ == "__main__":
    unittest.main()
