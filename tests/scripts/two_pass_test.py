#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/two_pass through its front door: curl asks the HTTP server for pages whose parts a real daemon's workers
render. PROMISED_BUILD is the folder of the build."""
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ["PROMISED_BUILD"]
PATIENCE_S = 60
# Those that need no other part: they are rendered at the same time.
PARALLEL = ("greeting", "news", "prices")
PARTS = PARALLEL + ("advice",)


def eventually(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"this has not come: {what}")
        time.sleep(0.01)


class Program:
    """A program of the build, until the end of the test; it has to end well on SIGTERM."""

    def __init__(self, test, name, *arguments):
        self.test, self.name = test, name
        self.log_path = os.path.join(test.directory, f"{os.path.basename(name)}.{len(os.listdir(test.directory))}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([os.path.join(BUILD, name), *arguments], stdout=subprocess.PIPE,
                                            stderr=log, text=True)
        test.addCleanup(self.stop)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def stop(self):
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.test.assertEqual(status, 0, f"{self.name} on SIGTERM:\n{self.log()}")


class Server(Program):
    def __init__(self, test, lifespan_ms=600_000):
        super().__init__(test, "examples/two_pass/two-pass-server", "--endpoint", test.endpoint, "--port", "0",
                         "--lifespan-ms", str(lifespan_ms))
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+))\n", line)
        test.assertTrue(found, f"the server said {line!r}\n{self.log()}")
        self.url, self.port = found[1], int(found[2])

    def ask(self, user):
        """Asks for the user's page, and goes on; see answer()."""
        return subprocess.Popen(["curl", "--silent", "--max-time", str(PATIENCE_S), "--write-out", "\n%{http_code}",
                                 f"{self.url}/page?user={user}"], stdout=subprocess.PIPE, text=True)

    def connections(self):
        """How many there are, as the kernel says: those of state 01 (established) of this port."""
        with open("/proc/self/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table][1:]
        return sum(int(row[1].split(":")[1], 16) == self.port and row[3] == "01" for row in rows)


class TwoPass(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="promised-two-pass-")
        self.addCleanup(scratch.cleanup)
        self.directory = scratch.name
        self.endpoint = f"ipc://{self.directory}/promised.sock"
        self.gate, self.runs_path = os.path.join(self.directory, "gate"), os.path.join(self.directory, "runs")
        config = os.path.join(self.directory, "promised.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"[daemon]\nendpoint = {self.endpoint}\nstate_dir = {self.directory}/state\n"
                       f"[pool.parts]\nprogram = {BUILD}/examples/two_pass/two-pass-worker\nsize = 4\n"
                       f"environment.TWO_PASS_RUNS = {self.runs_path}\nenvironment.TWO_PASS_GATE = {self.gate}\n")
        self.daemon = Program(self, "daemon/promised", "--config", config)
        eventually(lambda: self.promisectl("status").returncode == 0, "the daemon's health")

    def promisectl(self, *arguments):
        return subprocess.run([os.path.join(BUILD, "cli/promisectl"), "--endpoint", self.endpoint, *arguments],
                              capture_output=True, text=True, check=False)

    def open_gate(self):
        with open(self.gate, "w", encoding="utf-8"):
            pass

    def runs(self, what):
        """The parts that have "began" or "ended" so far, in order, with the worker's pid and the moment in ms."""
        if not os.path.exists(self.runs_path):
            return []
        with open(self.runs_path, encoding="utf-8") as file:
            rows = [line.split() for line in file if line.endswith("\n")]
        return [(part, int(pid), int(when)) for event, part, _user, pid, when in rows if event == what]

    def count(self, what):
        parts = [part for part, _pid, _when in self.runs(what)]
        return {part: parts.count(part) for part in parts}

    def answer(self, curl):
        out, _ = curl.communicate(timeout=PATIENCE_S)
        self.assertEqual(curl.returncode, 0, out)
        page, _, status = out.rpartition("\n")
        return page, int(status)

    def page(self, curl):
        page, status = self.answer(curl)
        self.assertEqual(status, 200, page)
        return page

    def await_begun(self, each=1):
        eventually(lambda: self.count("began") == {part: each for part in PARALLEL}, "the beginning of all parts")

    def test_the_parts_run_once_and_in_parallel_and_are_served_from_their_names(self):
        server = Server(self)
        first = server.ask("ada")
        self.await_begun()
        self.assertEqual(self.runs("ended"), [])
        self.open_gate()
        page = self.page(first)
        for text in ("Good day, ada!", "Nothing has happened", "Apples 3.20, pears 4.10",
                     "At these prices (Apples 3.20, pears 4.10) take apples.", "in 3 passes"):
            self.assertIn(text, page)
        self.assertNotIn("failed", page)
        began = {part: when for part, _pid, when in self.runs("began")}
        ended = {part: when for part, _pid, when in self.runs("ended")}
        self.assertLessEqual(max(began[part] for part in PARALLEL), min(ended[part] for part in PARALLEL),
                             "each had begun before the first ended")
        self.assertGreaterEqual(began["advice"], ended["prices"], "what needs a part comes after it")
        self.assertEqual(len({pid for part, pid, _when in self.runs("began") if part in PARALLEL}), 3)
        self.assertEqual(self.page(server.ask("ada")), page)
        self.assertEqual(self.page(Server(self).ask("ada")), page, "another process has the same")
        self.assertEqual(self.count("began"), {part: 1 for part in PARTS})
        self.assertIn("Good day, bob!", self.page(server.ask("bob")))
        self.assertEqual(self.count("began"), {part: 2 for part in PARTS})

    def test_twenty_requests_at_once_after_the_lifespan_cause_one_run_of_each_part(self):
        self.open_gate()
        self.page(Server(self, lifespan_ms=50).ask("ada"))
        self.assertEqual(self.count("began"), {part: 1 for part in PARTS})
        for part in PARTS:
            eventually(lambda name=f"page/ada/{part}": "has lapsed" in self.promisectl("show", name).stderr,
                       f"the end of the lifespan of {part}")
        os.remove(self.gate)
        os.remove(self.runs_path)
        servers = [Server(self), Server(self)]
        curls = [servers[i % 2].ask("ada") for i in range(20)]
        self.await_begun()
        eventually(lambda: sum(server.connections() for server in servers) == 20, "all twenty connections")
        self.open_gate()
        pages = [self.page(curl) for curl in curls]
        self.assertIn("take apples", pages[0])
        self.assertEqual(set(pages), {pages[0]})
        self.assertEqual(self.count("began"), {part: 1 for part in PARTS})

    def test_a_part_that_fails_says_so_in_its_place_and_the_rest_stays(self):
        self.open_gate()
        server = Server(self)
        page = self.page(server.ask("eve"))
        self.assertIn('<section id="prices" class="failed">Not available: exception, eve has no account</section>', page)
        self.assertEqual(page.count("failed"), 1)
        for text in ("Good day, eve!", "Nothing has happened that eve"):
            self.assertIn(text, page)
        self.assertNotIn("advice", page)
        self.assertRegex(server.log(), r'the promise "prices" came to no value: render\.prices \(job [-0-9a-f]{36}\) '
                                       r"failed \(exception\): std::out_of_range: eve has no account")

    def test_a_worker_that_is_killed_costs_the_page_its_part(self):
        server = Server(self)
        curl = server.ask("ada")
        self.await_begun()
        os.kill(next(pid for part, pid, _when in self.runs("began") if part == "news"), signal.SIGKILL)
        self.open_gate()
        page = self.page(curl)
        self.assertRegex(page, r'<section id="news" class="failed">Not available: crashed, [^<]*</section>')
        self.assertEqual(page.count("failed"), 1)
        for text in ("Good day, ada!", "take apples"):
            self.assertIn(text, page)

    def test_what_the_user_is_called_is_no_markup_and_no_way_out(self):
        self.open_gate()
        server = Server(self)
        page = self.page(server.ask("%3Cb%3E%26%22"))
        self.assertIn("Good day, &lt;b&gt;&amp;&quot;!", page)
        self.assertNotIn("<b>", page)
        for user in ("", "x" * 65):
            self.assertEqual(self.answer(server.ask(user)),
                             ("expected /page?user=NAME with a name of 1 to 64 bytes\n", 400))

    def test_without_a_daemon_the_server_says_so(self):
        server = Server(self)
        self.daemon.stop()
        page, status = self.answer(server.ask("ada"))
        self.assertEqual(status, 503)
        self.assertIn(self.endpoint, page)


if __name__ == "__main__":
    unittest.main()
