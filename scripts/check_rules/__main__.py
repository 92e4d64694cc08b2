"""What scripts/check-rules asks of a running server: that it refuses what the rules of the contract refuse, and nothing else."""

import argparse
import random
import sys
from collections import Counter, defaultdict

import judge
import requests
import server
from google.protobuf.message import Message
from partial import FIELDS

# Calls at a time: some wait for a hash or on purpose.
WINDOW = 64


class Tally:
    """What became of the inputs of one RPC."""

    def __init__(self, rpc: requests.Rpc) -> None:
        self.rpc = rpc
        self.counts: Counter[str] = Counter()
        self.alone: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.disagreements: dict[str, list[str]] = defaultdict(list)

    def add(self, fields: set[str], request: Message, answer: server.Answer) -> None:
        """`fields` are those that differ from a valid request."""
        by_rules = judge.refused_by_rules(request)
        self.counts["inputs"] += 1
        # Each input has some value in each oneof, or none.
        for field in fields | set(self.rpc.request.oneofs_by_name):
            (self.refused if field in by_rules else self.accepted)[field] += 1
        problems = list(judge.disagreements(self.rpc.method, request, by_rules, answer, alone=len(fields) == 1))
        for field, what in problems:
            self.disagreements[f"{self.rpc.name}.{field} {what}"].append(str(request)[:300])
        if problems:
            self.counts["differ"] += 1
        elif by_rules:
            self.counts["refused by both"] += 1
        elif answer.refused:
            self.counts["server alone"] += 1
            self.alone.update(f"{self.rpc.method}.{field}" for field in answer.refused)
        else:
            self.counts["accepted by both"] += 1

    def untested(self) -> list[str]:
        """The fields with a rule for which no input was refused, or none accepted: nothing was shown of them."""
        ruled = sorted(judge.fields_with_rules(self.rpc.request))
        kinds = (("accepted", self.accepted), ("refused", self.refused))
        return [f"{self.rpc.name}.{field} has a rule, and no input was {what}" for what, kind in kinds for field in ruled if not kind[field]]


def run(rpc: requests.Rpc, client: server.Client, rng: random.Random) -> Tally:
    tally = Tally(rpc)
    waiting = []
    for fields, request in requests.inputs(rpc, rng):
        waiting.append((fields, request, client.begin(rpc, request)))
        if len(waiting) == WINDOW:
            for fields, request, call in waiting:
                tally.add(fields, request, client.finish(rpc, call))
            waiting = []
    for fields, request, call in waiting:
        tally.add(fields, request, client.finish(rpc, call))
    return tally


def show(tallies: list[Tally]) -> None:
    columns = ("inputs", "refused by both", "accepted by both", "server alone", "differ")
    print(f"{'RPC':<42}" + "".join(f"{name:>18}" for name in columns))
    for tally in tallies:
        print(f"{tally.rpc.name:<42}" + "".join(f"{tally.counts[name]:>18}" for name in columns))
    total = sum((tally.counts for tally in tallies), Counter())
    print(f"{'all':<42}" + "".join(f"{total[name]:>18}" for name in columns))
    print("\nRefused by the server alone, by intent:")
    alone: Counter[str] = Counter()
    for field, count in sum((tally.alone for tally in tallies), Counter()).items():
        alone[FIELDS[field]] += count
    for reason, count in alone.most_common():
        print(f"{count:>6}  {reason}")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--grpc", "--key", "--seed"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    client = server.Client(arguments.grpc)
    rpcs = requests.rpcs(client.prepare(arguments.key))
    tallies = [run(rpc, client, random.Random(arguments.seed)) for rpc in rpcs]
    show(tallies)

    failures = [problem for tally in tallies for problem in tally.untested()]
    needed = {field for tally in tallies for field in tally.alone}
    failures += [f"{field} has a reason in partial.py, and nothing that needs it" for field in sorted(FIELDS.keys() - needed)]
    for tally in tallies:
        for what, examples in tally.disagreements.items():
            failures.append(f"{what}, {len(examples)} times, such as:\n{examples[0]}")
    if failures:
        sys.exit("check-rules:\n" + "\n".join(failures))
    print("ok: the server refuses what the rules refuse")


main()
