"""The guides' `allows`: which claims are a user's own, and which are limited by a scope, in each language."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import guides
import pytest

USER = {"sub": "01a20c4a-08fb-708b-81a8-afd274038121", "sid": "01a20c4a-7f81-73a5-ade7-0a4d27c6130d", "roles": ["admin"]}
ACCOUNT = "01a20c4a04297775a845ad388fc19430"
SERVICE = {"sub": ACCOUNT, "client_id": ACCOUNT}
EXCHANGED = USER | {"client_id": ACCOUNT, "act": {"sub": ACCOUNT}}

# Claims, the scope that is required (empty: none), and whether they are enough.
CASES = [
    (USER, "", True),
    (USER, "orders.read", True),
    *(
        (limited | scope, required, allowed)
        for limited in (SERVICE, EXCHANGED)
        for scope, required, allowed in [
            ({}, "", False),
            ({}, "orders.read", False),
            ({"scope": ""}, "", False),
            ({"scope": "orders.read"}, "", False),
            ({"scope": "a  b"}, "", False),
            ({"scope": "orders.read"}, "orders.read", True),
            ({"scope": "a orders.read b"}, "orders.read", True),
            ({"scope": "orders.reader"}, "orders.read", False),
            ({"scope": "orders"}, "orders.read", False),
            ({"scope": "orders.read"}, "orders", False),
            ({"scope": "Orders.Read"}, "orders.read", False),
            ({"scope": "a b"}, "a b", False),
        ]
    ),
]

# Each reads the cases as JSON from its standard input, and prints what `allows` says of each, as JSON.
PYTHON = """
import json, sys
from allows import allows
print(json.dumps([allows(claims, scope or None) for claims, scope in json.load(sys.stdin)]))
"""
NODE = """
import { readFileSync } from 'node:fs'
import { allows } from './allows.mjs'
const cases = JSON.parse(readFileSync(0, 'utf8'))
console.log(JSON.stringify(cases.map(([claims, scope]) => allows(claims, scope || undefined))))
"""
GO = """
package main

import (
	"encoding/json"
	"os"

	"example.com/app/verifier"
)

func main() {
	var cases [][2]any
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	answers := []bool{}
	for _, one := range cases {
		answers = append(answers, verifier.Allows(one[0].(map[string]any), one[1].(string)))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
"""
# Java has no JSON: it gets the cases as code.
JAVA = """
import java.util.List;
import java.util.Map;

public class Main {
    public static void main(String[] arguments) {
        System.out.println(List.of(CASES));
    }
}
"""
PHP = """<?php
require 'allows.php';
$cases = json_decode(stream_get_contents(STDIN), flags: JSON_THROW_ON_ERROR);
echo json_encode(array_map(fn ($case) => allows($case[0], $case[1] ?: null), $cases));
"""
RUBY = """
require "json"
require "./allows"
puts JSON.generate(JSON.parse($stdin.read).map { |claims, scope| allows(claims, scope.empty? ? nil : scope) })
"""


def python(folder: Path) -> list[str]:
    (folder / "main.py").write_text(PYTHON)
    return [sys.executable, "main.py"]


def node(folder: Path) -> list[str]:
    (folder / "main.mjs").write_text(NODE)
    return ["node", "main.mjs"]


def go(folder: Path) -> list[str]:
    (folder / "verifier").mkdir()
    (folder / "allows.go").rename(folder / "verifier/allows.go")
    (folder / "main.go").write_text(GO)
    (folder / "go.mod").write_text("module example.com/app\n\ngo 1.26.0\n")
    return ["go", "run", "main.go"]


def java(folder: Path) -> list[str]:
    def literal(value: object) -> str:
        match value:
            case dict():
                return f"Map.of({', '.join(f'{literal(name)}, {literal(own)}' for name, own in value.items())})"
            case list():
                return f"List.of({', '.join(map(literal, value))})"
            case _:
                return json.dumps(value)

    calls = (f"Scopes.allows({literal(claims)}, {literal(scope or None)})" for claims, scope, _ in CASES)
    (folder / "Main.java").write_text(JAVA.replace("CASES", ",\n".join(calls)))
    subprocess.run(["javac", "-d", ".", "Scopes.java", "Main.java"], cwd=folder, check=True, timeout=120)
    return ["java", "-cp", ".", "Main"]


def php(folder: Path) -> list[str]:
    (folder / "main.php").write_text(PHP)
    return ["php", "main.php"]


def ruby(folder: Path) -> list[str]:
    (folder / "main.rb").write_text(RUBY)
    return ["ruby", "main.rb"]


@pytest.mark.short
@pytest.mark.parametrize("prepare", [pytest.param(language, id=language.__name__) for language in (python, node, go, java, php, ruby)])
def test_only_users_own_tokens_are_not_limited_by_a_scope(prepare: Callable[[Path], list[str]], tmp_path: Path):
    for name, text in guides.files(f"verify-{prepare.__name__}").items():
        if name.lower().startswith(("allows", "scopes")):
            (tmp_path / name).write_text(text)
    command = prepare(tmp_path)
    asked = json.dumps([(claims, scope) for claims, scope, _ in CASES])
    done = subprocess.run(command, cwd=tmp_path, input=asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for (claims, scope, expected), allowed in zip(CASES, json.loads(done.stdout), strict=True):
        assert allowed == expected, f"{claims} where {scope!r} is required"
