"""What scripts/check-openapi asks of the document itself: it is valid, and so are its examples."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

VERBS = ("get", "put", "post", "delete", "patch")


def operations(document: dict) -> Iterator[tuple[str, dict]]:
    """The operations, with their names."""
    for path, verbs in document["paths"].items():
        for verb in VERBS:
            if verb in verbs:
                yield f"{verb.upper()} {path}", verbs[verb]


def dangling(document: dict) -> Iterator[str]:
    """References that lead nowhere. The validators would say so with the whole document."""

    def references(part: object) -> Iterator[str]:
        if isinstance(part, dict) and isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from references(inner)

    for reference in sorted(set(references(document))):
        kind, _, name = reference.removeprefix("#/components/").partition("/")
        if name not in document["components"].get(kind, {}):
            yield f"{reference} leads nowhere"


def faults_of_shape(document: dict) -> Iterator[str]:
    """What is valid, and lost or refused by generators."""
    for name, schema in document["components"]["schemas"].items():
        for choice in ("oneOf", "anyOf", "allOf"):
            if choice in schema:
                yield f"{name}: {choice} at the top of a schema; generators lose the properties beside it"
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path" and "." in parameter["name"]:
                yield f"{name}: a dot in the path parameter {parameter['name']}"


def without_example(document: dict) -> Iterator[str]:
    """What a request has to hold, or an error has, and there is no example of."""
    for name, operation in operations(document):
        body = operation.get("requestBody", {"content": {}})
        for kind, content in body["content"].items():
            if "example" not in content:
                yield f"{name}: no example of the body ({kind})"
        for parameter in operation.get("parameters", ()):
            if parameter.get("required") and "example" not in parameter:
                yield f"{name}: no example of {parameter['name']}"
    for name, response in document["components"]["responses"].items():
        content = response["content"]["application/json"]
        if "/" in response["description"] and not content.get("examples"):
            yield f"{name}: no example of {response['description']}"


def examples(document: dict) -> Iterator[tuple[str, dict, object]]:
    """Each example, with its name and its schema."""
    for name, operation in operations(document):
        for content in operation.get("requestBody", {"content": {}})["content"].values():
            if "example" in content:
                yield name, content["schema"], content["example"]
        for parameter in operation.get("parameters", ()):
            where = f"{name}: {parameter['name']}"
            for value in parameter["schema"].get("examples", ()):
                yield where, parameter["schema"], value
            if "example" in parameter:
                yield where, parameter["schema"], parameter["example"]
    for name, example in document["components"]["examples"].items():
        yield name, {"$ref": "#/components/schemas/Status"}, example["value"]


def invalid_examples(document: dict) -> Iterator[str]:
    """The examples that their own schemas refuse."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 (the tests of the rest run without it)

    for name, schema, value in examples(document):
        whole = {"components": document["components"], "allOf": [schema]}
        checker = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for error in checker.iter_errors(value):
            yield f"{name}: {error.message}"


def main(path: str) -> int:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # noqa: PLC0415

    document = json.loads(Path(path).read_text(encoding="utf-8"))
    faults = list(dangling(document))
    if not faults:
        errors = OpenAPIV31SpecValidator(document).iter_errors()
        faults = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in errors]
    # The examples can only be looked at by schemas that are valid.
    checks = () if faults else (faults_of_shape, without_example, invalid_examples)
    for check in checks:
        faults.extend(check(document))
    count = sum(1 for _ in operations(document))
    if not count:
        faults.append("there is no operation")
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"ok: {count} operations and {sum(1 for _ in examples(document))} examples are valid")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
