"""What scripts/measure --all computes: python3 -m unittest discover --start-directory scripts/tests"""

import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure_all import chart, figures, parts, printed  # noqa: E402
from measure_all.figures import Figure, met  # noqa: E402
from measure_all.printed import Point, Rate  # noqa: E402

TOKENS = """\
Medians of 15 rounds.

callers      empty/s   IntrospectToken/s   ratio                     aim
      1         7000                2660    0.38  (0.37 to 0.39)   ≥ 0.8
     64        21000                4200    0.20  (0.19 to 0.22)   ≥ 0.8

callers    pgbench/s      RefreshToken/s   ratio                     aim
      8         2000                1700    0.85  (0.80 to 0.90)   ≥ 0.8

sqlite: 12345 revocations a second
"""
ENGINE = """\
Cost 10, 2 cores, medians of 9 rounds.
Threads that ran or waited in the minute before: 0.31.

all cores           hashes/s    ratio                     aim
bcrypt crate           34.10    1.00x  (1.00 to 1.00)        
engine, portable      125.70    3.69x  (3.60 to 3.75)  ≥ 3.0x
John the Ripper       150.00    4.40x  (4.35 to 4.50)        

a single hash             ms    ratio                     aim
bcrypt crate            58.6
engine, auto            46.1    0.79x  (0.78 to 0.80) ≤ 0.85x
"""
LOAD = """\
{"title": "Curve", "name": "the empty RPC at its limit, calls/s", "measured": "20000", "aim": ""}
{"title": "Curve", "name": "empty RPC, 1000/s offered, 998/s done", "measured": "0.11 ms, 0.52 ms, 3.10 ms", "aim": ""}
{"title": "Curve", "name": "empty RPC, 2000/s offered, 1990/s done", "measured": "0.12 ms, 12 ms, 31 ms", "aim": ""}
"""


class Targets(unittest.TestCase):
    def test_a_number_is_compared_with_its_bound(self):
        for measured, target, expected in [
            ("0.85", "≥ 0.85", True),
            ("0.84 (0.80 to 0.90)", "≥ 0.85", False),
            ("16.0 KiB", "≤ 16 KiB", True),
            ("16.1 KiB", "≤ 16 KiB", False),
            ("3.1", "≥ 3.0x", True),
            ("1.0 %", "< 1 %", False),
            ("0.9 %", "< 1 %", True),
            ("0", "≤ 0", True),
            ("12 ms, 13 ms, 14 ms", "none", False),
        ]:
            self.assertIs(met(measured, target), expected, (measured, target))

    def test_a_percentile_is_the_one_that_is_named(self):
        self.assertTrue(met("13 ms, 19 ms, 200 ms", "p99 ≤ 20 ms"))
        self.assertFalse(met("1.00 ms, 21 ms, 22 ms", "p99 ≤ 20 ms"))
        self.assertFalse(met("30 ms, 5 ms, 40 ms", "p50 ≤ 20 ms"))

    def test_what_is_no_comparison_is_neither_met_nor_missed(self):
        for measured, target in [("1", ""), ("1", "at once"), ("none", "≤ 1 ms"), ("5 s", "≤ 20 ms"), ("5", "≤ 20 ms")]:
            self.assertIsNone(met(measured, target), (measured, target))


class Printed(unittest.TestCase):
    def test_tables_of_ratios_become_a_figure_for_each_number_of_callers(self):
        found = printed.compared("tokens", TOKENS)
        self.assertEqual(found[0], Figure("tokens", "IntrospectToken / empty, 1 caller", "0.38 (0.37 to 0.39)", "≥ 0.8"))
        self.assertEqual([figure.is_met for figure in found], [False, False, True])
        self.assertEqual(found[2].name, "RefreshToken / pgbench, 8 callers")

    def test_names_of_columns_may_have_spaces(self):
        head = TOKENS.replace("IntrospectToken/s", "IntrospectToken, never seen/s")
        self.assertEqual(printed.compared("", head)[0].name, "IntrospectToken, never seen / empty, 1 caller")

    def test_rates_of_hashing_end_before_the_single_hash(self):
        rates = printed.hashed(ENGINE)
        self.assertEqual([rate.side for rate in rates], ["bcrypt crate", "engine, portable", "John the Ripper"])
        self.assertEqual(rates[1], Rate("engine, portable", 125.7, 3.69, "≥ 3.0x"))

    def test_curves_are_of_the_steps_alone(self):
        curves = printed.curves(printed.loaded(LOAD))
        self.assertEqual(curves, {"empty RPC": [Point(1000, 998, 0.52), Point(2000, 1990, 12)]})


class Capacity(unittest.TestCase):
    def test_hashing_cores_follow_from_rate_and_processor(self):
        figures = [Figure("", "logins/s", "800"), Figure("", "Postgres' processor a login", "500 µs")]
        calibrated = {"cores": 2, "costs": [{"cost": 10, "logins_per_second": 160}, {"cost": 12, "logins_per_second": 40}]}
        found = [figure.measured for figure in parts.carried(figures, calibrated)]
        self.assertEqual(found, ["20.0", "40", "100"])


class Tables(unittest.TestCase):
    FOUND = [
        Figure("start", "cold", "43.1 ms", "≤ 30 ms"), Figure("start", "binary", "14.0 MiB", "≤ 15 MiB"), Figure("b", "c", "1"),
    ]  # fmt: skip

    def test_a_table_lines_up_under_its_parts(self):
        rows = figures.table(self.FOUND).splitlines()
        self.assertEqual([row.split()[0] for row in rows], ["measured", "start", "cold", "binary", "b", "c"])
        self.assertTrue(rows[2].endswith("≤ 30 ms  MISSED") and rows[3].endswith("≤ 15 MiB     met"))
        self.assertEqual(rows[2].index("43.1 ms") + len("43.1 ms"), rows[3].index("14.0 MiB") + len("14.0 MiB"))

    def test_markdown_has_a_row_for_each(self):
        rows = figures.markdown(self.FOUND).splitlines()[2:]
        self.assertEqual(rows[:2], ["| **start** | | | |", "| cold | 43.1 ms | ≤ 30 ms | MISSED |"])
        self.assertEqual(rows[3:], ["| **b** | | | |", "| c | 1 |  |  |"])

    def test_what_stands_between_the_marks_is_replaced(self):
        self.assertEqual(figures.between_marks("a\n<b>\nold\n<e>\nz\n", "<b>", "<e>", r"\1 new"), "a\n<b>\n\\1 new\n<e>\nz\n")
        for text in ["a\n<b>\nz\n", "<b>\n<e>\n<b>\n<e>\n"]:
            with self.assertRaises(ValueError):
                figures.between_marks(text, "<b>", "<e>", "new")


class Charts(unittest.TestCase):
    def test_ticks_are_round_and_reach_the_highest_value(self):
        self.assertEqual(chart.ticks(17_000), [0, 5000, 10_000, 15_000, 20_000])
        self.assertEqual(chart.ticks(10), [0, 2, 4, 6, 8, 10])
        self.assertEqual(chart.decades(0.3, 40), [0.1, 1, 10, 100])
        self.assertEqual(chart.decades(0.1, 0.1), [0.1, 1])

    def test_a_scale_goes_from_its_begin_to_its_end(self):
        logarithmic = chart.Scale(0.1, 100, 300, 0, is_logarithmic=True)
        self.assertEqual([round(logarithmic(value)) for value in (0.1, 1, 10, 100)], [300, 200, 100, 0])
        self.assertEqual(chart.Scale(0, 4, 10, 50)(1), 20)

    def test_the_file_is_well_formed_and_escapes_names(self):
        curves = {"a & b": [Point(10, 10, 0.5), Point(20, 19, 7)], "ours": [Point(10, 9, 30)]}
        drawn = chart.draw(curves, [Rate("bcrypt crate", 30, 1, ""), Rate("engine, auto", 120, 4, "")], "Hashes < all")
        root = ElementTree.fromstring(drawn)
        space = "{http://www.w3.org/2000/svg}"
        texts = [text.text for text in root.iter(f"{space}text")]
        self.assertIn("a & b", texts)
        self.assertIn("120.0/s, 4.00 times the crate", texts)
        self.assertEqual(len(list(root.iter(f"{space}polyline"))), 4)
        ElementTree.fromstring(chart.draw({}, [], ""))


if __name__ == "__main__":
    unittest.main()
