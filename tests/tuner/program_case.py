"""What the tests of the whole program share."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path


class ProgramCase(unittest.TestCase):
    """A folder of its own for each test, and the name of a database in it."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="convtune-test-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.database = self.folder / "a.db"

    def finish(self, *words, code=0, **environment):
        """A command that ended with this exit code, in this environment besides the test's own."""
        done = subprocess.run(words, text=True, capture_output=True, check=False,
                              env=os.environ | environment)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done
