#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/demo shows the main job end to end, and leaves nothing behind, also when it is interrupted."""
import glob
import os
import signal
import subprocess
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "demo")


class Demo(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def start(self):
        environment = dict(os.environ, TMPDIR=self.directory.name)
        demo = subprocess.Popen([SCRIPT, "--no-install"], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.addCleanup(demo.stdout.close)
        self.addCleanup(demo.kill)
        return demo

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.directory.name), [])
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as file:
                    self.assertNotIn(f"PROMISED_DEMO={self.directory.name}".encode(), file.read(), path)
            except OSError:
                continue  # it is another user's, or has ended meanwhile

    def test_all_goes_as_it_should(self):
        demo = self.start()
        out, _ = demo.communicate(timeout=90)
        self.assertEqual(demo.returncode, 0, out)
        for part in ("documents, in parallel", "most frequent words", "crashed by signal 11", "timed_out (run_timeout)",
                     "failed: memory", "results are remembered", "promisectl status", "nothing is left running"):
            self.assertIn(part, out)
        self.assert_nothing_left()

    def test_an_interruption_ends_everything(self):
        demo = self.start()
        seen = ""
        for line in demo.stdout:
            seen += line
            if "documents, in parallel" in line:
                break
        demo.send_signal(signal.SIGINT)
        out, _ = demo.communicate(timeout=30)
        self.assertEqual(demo.returncode, 130, seen + out)
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
