"""Every reader stands a fixed number of libFuzzer's inputs, the same each time."""
import os
import re
import unittest
from pathlib import Path

import fuzz

BUILD = Path(os.environ.get("DIPTYCH_BUILD", fuzz.ROOT / "build" / "release"))


class Readers(unittest.TestCase):
    def stands(self, name):
        if not (BUILD / "bin" / f"diptych-fuzz-{name}").exists():
            self.skipTest("the fuzz targets were not built: no libFuzzer")
        status, text = fuzz.run(BUILD, name, f"-runs={fuzz.RUNS[name]}")
        self.assertEqual(status, 0, text[-6000:])
        count = int(re.search(r"stat::number_of_executed_units: *(\d+)", text)[1])
        self.assertGreaterEqual(count, fuzz.RUNS[name])
        reached = re.findall(r"cov: (\d+)", text)
        self.assertTrue(reached and int(reached[-1]) > 100, f"hardly any code was reached:\n{text[-2000:]}")


for target in fuzz.NAMES:
    setattr(Readers, f"test_{target}", lambda self, target=target: self.stands(target))

if __name__ == "__main__":
    unittest.main()
