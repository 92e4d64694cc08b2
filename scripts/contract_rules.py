"""What buf does not look at in the contract: the HTTP rules of its RPCs (google.api.http), and which options it uses.

    buf build --as-file-descriptor-set --output contract.json && python3 scripts/contract_rules.py contract.json

Prints each problem, and ends with 1 if there is one.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

PACKAGE = "auth.v1"
HTTP, BEHAVIOR = "[google.api.http]", "[google.api.field_behavior]"
INFO, RULES = "[google.api.field_info]", "[buf.validate.field]"
VERBS = ("get", "put", "post", "delete", "patch")

# URLs stand in logs, histories and the caches of proxies.
SECRET = re.compile(r"(.+_)?(token|codes?|password|secret|key|assertion|hash|pepper|salt)|(challenge|reset|verification)_id")
NO_SECRET = {"page_token"}

# protoc 3.15 refuses a file with an option that it does not know, such as debug_redact (ADR 29).
OPTIONS = {"field": {"deprecated", BEHAVIOR, INFO, RULES}, "method": {"deprecated", "idempotencyLevel", HTTP}}


@dataclass(frozen=True)
class Rule:
    rpc: str
    request: str
    verb: str
    path: str
    body: str | None

    def __str__(self) -> str:
        return f"{self.rpc}: {self.verb.upper()} {self.path}"

    @property
    def variables(self) -> list[str]:
        return re.findall(r"\{([^}]*)\}", self.path)

    @property
    def _segments(self) -> list[str]:
        path, _, custom = self.path.partition(":")
        return [*re.sub(r"\{[^}]*\}", "*", path).split("/"), custom]

    def is_in_body(self, path: str) -> bool:
        return self.body == "*" or self.body is not None and f"{path}.".startswith(f"{self.body}.")

    def collides(self, other: "Rule") -> bool:
        """Whether a request could be meant for either."""
        if (self.verb, len(self._segments)) != (other.verb, len(other._segments)):
            return False
        return all(mine == theirs or "*" in (mine, theirs) for mine, theirs in zip(self._segments, other._segments))


class Contract:
    def __init__(self, files: dict) -> None:
        ours = [file for file in files["file"] if file["package"] == PACKAGE]
        self.services = [service for file in ours for service in file.get("service", [])]
        messages = [message for file in ours for message in file.get("messageType", [])]
        self._fields = {f".{PACKAGE}.{message['name']}": message.get("field", []) for message in messages}

    def rpcs(self) -> Iterator[tuple[str, dict]]:
        for service in self.services:
            for rpc in service["method"]:
                yield f"{service['name']}.{rpc['name']}", rpc

    def rules(self) -> Iterator[Rule]:
        for name, rpc in self.rpcs():
            if (first := rpc.get("options", {}).get(HTTP)) is None:
                continue
            for rule in (first, *first.get("additionalBindings", [])):
                verb = next(verb for verb in VERBS if verb in rule)
                yield Rule(name, rpc["inputType"], verb, rule[verb], rule.get("body"))

    def paths(self, message: str, before: str = "") -> Iterator[str]:
        """The paths of all fields of a message. A message of ours is its fields."""
        for field in self._fields[message]:
            path = before + field["name"]
            if field.get("typeName") in self._fields:
                yield from self.paths(field["typeName"], f"{path}.")
            else:
                yield path

    def in_url(self, rule: Rule) -> set[str]:
        """The fields in the path, and those that only the query can have."""
        return {path for path in self.paths(rule.request) if path in rule.variables or not rule.is_in_body(path)}

    def problems(self) -> Iterator[str]:
        for name, rpc in self.rpcs():
            yield from of_rpc(name, rpc)
        for rule in (rules := list(self.rules())):
            yield from self._of_rule(rule)
        for one, other in combinations(rules, 2):
            if one.collides(other):
                yield f"{one} could be meant for {other}, too"
        yield from self._of_options()

    def _of_rule(self, rule: Rule) -> Iterator[str]:
        known = list(self.paths(rule.request))
        for variable in rule.variables:
            if variable not in known:
                yield f"{rule} has no field {variable}"
        if (rule.verb in ("get", "delete")) != (rule.body is None):
            yield f"{rule} has {'no' if rule.body is None else 'a'} body"
        if rule.body not in (None, "*") and not any(map(rule.is_in_body, known)):
            yield f"{rule} has no field {rule.body}"
        for path in sorted(self.in_url(rule)):
            name = path.rpartition(".")[2]
            if SECRET.fullmatch(name) and name not in NO_SECRET:
                yield f"{rule} has the secret {path} in the URL"

    def _of_options(self) -> Iterator[str]:
        fields = ((f"{message[1:]}.{field['name']}", field) for message in self._fields for field in self._fields[message])
        for kind, named in (("field", fields), ("method", self.rpcs())):
            for name, of in named:
                for option in sorted(of.get("options", {}).keys() - OPTIONS[kind]):
                    yield f"{name} has the option {option}: which protoc knows it?"


def of_rpc(name: str, rpc: dict) -> Iterator[str]:
    """What an RPC's rule and its idempotency_level have to do with each other."""
    is_stream = rpc.get("clientStreaming", False) or rpc.get("serverStreaming", False)
    options = rpc.get("options", {})
    rule, level = options.get(HTTP), options.get("idempotencyLevel")
    if is_stream == (rule is not None):
        yield f"{name} is {'a stream, and has an' if is_stream else 'no stream, and has no'} HTTP rule"
    # Clients of Connect may send GET then.
    if (level == "NO_SIDE_EFFECTS") != ("get" in (rule or {})):
        yield f"{name} must be GET if it has NO_SIDE_EFFECTS, and only then"
    # Whatever is between may send DELETE again (RFC 9110, section 9.2.2).
    if "delete" in (rule or {}) and level != "IDEMPOTENT":
        yield f"{name} is DELETE, which must be IDEMPOTENT"


def main() -> None:
    contract = Contract(json.load(open(sys.argv[1])))
    if found := list(contract.problems()):
        sys.exit("\n".join(found))
    print(f"{len(list(contract.rules()))} HTTP rules: one for each RPC that is no stream, none collides, none has a secret in its URL")


if __name__ == "__main__":
    main()
