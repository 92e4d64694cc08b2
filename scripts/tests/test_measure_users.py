"""What scripts/measure-users computes: python3 -m unittest discover --start-directory scripts/tests"""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure_users import plans  # noqa: E402
from measure_users.calls import Plan, both  # noqa: E402

USERS, LEASES = "SELECT 1 FROM users WHERE id = $1", "SELECT 1 FROM leases"


def entry(database: str, text: str, plan: dict) -> str:
    """As auto_explain writes it to the log, with the prefix of the cluster."""
    lines = json.dumps({"Query Text": text, "Plan": plan}, indent=2).splitlines()
    return f"{database},4711,LOG:  duration: 0.123 ms  plan:\n" + "".join(f"\t{line}\n" for line in lines)


def by_index(index: str, table: str = "users") -> dict:
    return {"Node Type": "Index Scan", "Index Name": index, "Relation Name": table}


class Plans(unittest.TestCase):
    def shapes(self, log: str, database: str = "few") -> dict[str, set[str]]:
        return plans.shapes(log, database, {"users", "sessions"}, least=2)

    def test_each_statement_has_the_ways_in_which_it_was_carried_out(self):
        below = {"Node Type": "Nested Loop", "Plans": [by_index("sessions_pkey", "sessions"), by_index("users_pkey")]}
        log = entry("few", USERS, by_index("users_pkey")) * 2 + entry("few", USERS, below)
        ways = {"Index Scan users_pkey", "Nested Loop < Index Scan sessions_pkey < Index Scan users_pkey"}
        self.assertEqual(self.shapes(log), {USERS: ways})

    def test_other_databases_other_tables_and_rare_statements_are_left_out(self):
        log = entry("few", USERS, by_index("users_pkey")) + entry("many", USERS, by_index("users_pkey")) * 2
        log += entry("few", LEASES, by_index("leases_pkey", "leases")) * 2
        self.assertEqual(self.shapes(log), {})

    def test_a_statement_that_goes_another_way_among_many_is_found(self):
        scan = {"Node Type": "Seq Scan", "Relation Name": "users"}
        few = self.shapes(entry("few", USERS, scan) * 2)
        for plan, is_same in [(scan, True), (by_index("users_pkey"), False)]:
            many = self.shapes(entry("many", USERS, plan) * 2, "many")
            [found] = both(few, many)
            self.assertIs(found.is_same, is_same)
        self.assertEqual(both(few, {}), [])
        self.assertEqual(found, Plan(USERS, ["Seq Scan"], ["Index Scan users_pkey"]))


if __name__ == "__main__":
    unittest.main()
