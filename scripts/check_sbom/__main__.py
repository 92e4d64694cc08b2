"""python -m check_sbom BILL BINARY: see scripts/check-sbom."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing

# A panic says in which file of which crate, and so the program has the paths of most.
PATH = re.compile(rb"/registry/src/[^/]+/([a-zA-Z0-9_-]+-\d[\w.+-]*)/")
# Fewer would mean that the program's paths look otherwise by now, and that nothing was compared.
AT_LEAST = 50


def of_schema(text: str) -> Iterator[str]:
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        yield f"not CycloneDX 1.6: {wrong}"


def of_components(bill: dict) -> Iterator[str]:
    spdx = get_spdx_licensing()
    refs = {bill["metadata"]["component"]["bom-ref"], *(each["bom-ref"] for each in bill["components"])}
    for each in bill["components"]:
        for licence in each.get("licenses", [{"expression": "none"}]):
            if spdx.validate(licence["expression"]).errors:
                yield f"{each['bom-ref']}: {licence['expression']} is no licence of SPDX's"
    for edge in bill["dependencies"]:
        if unknown := {edge["ref"], *edge["dependsOn"]} - refs:
            yield f"{edge['ref']} needs what is no component: {unknown}"


def of_binary(bill: dict, binary: bytes) -> Iterator[str]:
    linked = {f"{each['name']}-{each['version']}" for each in bill["components"] if each["scope"] == "required"}
    named = {name.decode() for name in PATH.findall(binary)}
    if len(named) < AT_LEAST:
        yield f"the program names {len(named)} crates alone"
    yield from (f"{name} is in the program, and not in the bill" for name in sorted(named - linked))


def main() -> None:
    text, binary = Path(sys.argv[1]).read_text(), Path(sys.argv[2]).read_bytes()
    bill = json.loads(text)
    faults = [*of_schema(text), *of_components(bill), *of_binary(bill, binary)]
    for fault in faults:
        print(f"check-sbom: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)
    scopes = [each["scope"] for each in bill["components"]]
    print(f"ok: {scopes.count('required')} crates in the program, {scopes.count('excluded')} more that compile it; all that the program names are there")


main()
