"""How scripts/check-conformance reads the suite: python3 -m unittest discover --start-directory scripts/tests"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from check_conformance import arguments, failures, surprises  # noqa: E402

UNKNOWN = "Basic/HTTPVersion:1/Protocol:PROTOCOL_CONNECT/TLS:false/unimplemented"
VERB = "Connect Unexpected Requests/HTTPVersion:1/TLS:false/unexpected-verb"
OUTPUT = f"""INFO: {UNKNOWN} failed (as expected):
\tactual error contain 1 details; expecting 0
INFO: {VERB} failed (as expected):
\tactual error {{code: 3 (invalid_argument), message: "method: must be POST"}} does not match expected code 2 (unknown)
\t
\tactual error contain 2 details; expecting 0


Total cases: 926
924 passed, 0 failed
"""


class Suite(unittest.TestCase):
    def test_each_case_has_its_complaints(self):
        found = failures(OUTPUT)
        self.assertEqual([(name, len(lines)) for name, lines in found.items()], [(UNKNOWN, 1), (VERB, 2)])

    def test_what_was_decided_is_no_surprise(self):
        self.assertEqual(list(surprises(failures(OUTPUT))), [])

    def test_another_complaint_of_a_decided_case_is_one(self):
        for other in (
            OUTPUT.replace("code: 3 (invalid_argument)", "code: 13 (internal)"),
            OUTPUT.replace("\tactual error contain 1", "\texpecting 1 response messages but instead got 0\n\tactual error contain 1"),
            OUTPUT.replace("1 details", "3 details"),
            OUTPUT.replace("TLS:false/unimplemented", "TLS:false/other"),
            OUTPUT.replace("\tactual error contain 1 details; expecting 0\n", ""),
        ):
            self.assertEqual(len(list(surprises(failures(other)))), 1, other)

    def test_the_suite_is_told_each_case_that_was_decided(self):
        told = list(arguments())
        self.assertIn("Basic/**/unimplemented", told)
        self.assertEqual(told[told.index("Timeouts/**/unary") - 1], "--known-flaky")
        self.assertEqual(told[told.index("Basic/**/unimplemented") - 1], "--known-failing")


if __name__ == "__main__":
    unittest.main()
