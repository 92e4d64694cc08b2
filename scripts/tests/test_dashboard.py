"""What scripts/check-alerts and scripts/draw-dashboard compute: python3 -m unittest discover --start-directory scripts/tests"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from monitoring.amounts import AMOUNTS  # noqa: E402
from monitoring.expressions import asked, faults, labels, metrics  # noqa: E402
from monitoring.figures import Line, Span, legend  # noqa: E402
from monitoring.picture import path  # noqa: E402

LOGINS = 'sum by (grpc_code) (rate(grpc_server_handled_total{grpc_method="countersign_x",job=~"$job"}[$__rate_interval]))'


class Expressions(unittest.TestCase):
    def test_names_are_those_of_metrics_and_not_of_labels_and_values(self):
        self.assertEqual(metrics(LOGINS), {"grpc_server_handled_total"})
        self.assertEqual(labels(LOGINS), {("grpc_server_handled_total", "grpc_method"), ("grpc_server_handled_total", "job")})

    def test_a_part_of_a_histogram_is_the_histogram(self):
        self.assertEqual(metrics("countersign_password_wait_seconds_bucket"), {"countersign_password_wait_seconds"})

    def test_variables_are_filled_in(self):
        self.assertIn('job=~".*"}[30s]', asked(LOGINS, "30s"))
        self.assertNotIn("$", asked(LOGINS))

    def test_a_metric_without_a_page_is_a_fault(self):
        self.assertEqual(list(faults({"a panel": "rate(countersign_nothing_total[1m])"})), ["a panel: no page explains countersign_nothing_total"])
        self.assertEqual(list(faults({"a panel": LOGINS})), [])


class Picture(unittest.TestCase):
    def test_amounts_have_the_unit_that_fits(self):
        written = [("s", 0.0005, "500 µs"), ("s", 0.25, "250 ms"), ("s", 7200, "2 h"), ("reqps", 1500, "1.5 k/s"), ("percentunit", 0.021, "2.1 %")]
        for unit, value, text in written:
            self.assertEqual(AMOUNTS[unit](value), text)

    def test_a_legend_takes_the_labels_of_its_series(self):
        self.assertEqual(legend("{{grpc_method}} p99", {"grpc_method": "Login"}), "Login p99")

    def test_a_gap_is_not_drawn_over(self):
        line = Line("x", {}, [(0, 1), (1, 1), (30, 2), (31, 4)])
        self.assertEqual(path((0, 0, 60, 100), Span(0, 60), line, 4), "M0.0 75.0L1.0 75.0M30.0 50.0L31.0 0.0")


if __name__ == "__main__":
    unittest.main()
