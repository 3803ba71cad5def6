"""The same server through curl, as the README shows it."""

import pathlib
import shutil
import subprocess
import unittest

import served


class Curl(unittest.TestCase):
    @unittest.skipUnless(shutil.which("curl"), "curl is missing")
    def test_the_script(self):
        script = pathlib.Path(__file__).with_name("curl.sh")
        run = subprocess.run(["bash", script, served.base_url(), served.model()], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
