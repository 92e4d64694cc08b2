"""The binaries of two releases: an earlier one by its commit, and the next one: the working tree with a column more on `users`.

Builds and binaries are in .tools/real/upgrade, about 1.5 GB. The earlier one is built once; what both depend on as well.
"""

import os
import shutil
import subprocess
from pathlib import Path

from countersign import ROOT

BUILDS = ROOT / ".tools/real/upgrade"
# By which the column that the next release adds is known.
COLUMN = "note"


def earlier() -> Path:
    """The release of `tests/real/upgrade/from`."""
    lines = (ROOT / "tests/real/upgrade/from").read_text().splitlines()
    (commit,) = (line for line in lines if line and not line.startswith("#"))
    binary = BUILDS / f"countersign-{commit}"
    if not binary.exists():
        source = BUILDS / "earlier"
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE)
        assert archive.returncode == 0, f"{commit} is not in this clone: git fetch --unshallow"
        subprocess.run(["tar", "--extract"], cwd=source, input=archive.stdout, check=True)
        build(source, binary)
        shutil.rmtree(source)
    return binary


def next_one() -> Path:
    """The working tree, and a column on `users` that it reads and writes. Each run builds what has changed."""
    source = BUILDS / "next"
    list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(list_files, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = {name: (ROOT / name).read_bytes() for name in listed.split("\0") if (ROOT / name).is_file()}
    add_column(files)
    synchronise(source, files)
    return build(source, BUILDS / "countersign-next")


def add_column(files: dict[str, bytes]) -> None:
    """What a release that adds a column changes, as CONTRIBUTING says; each place must be there once."""
    stems = sorted(Path(name).stem for name in files if name.startswith("migrations/postgres/"))
    stem = f"{len(stems) + 1:04}_{COLUMN}"
    for folder in ("postgres", "sqlite"):
        files[f"migrations/{folder}/{stem}.sql"] = f"ALTER TABLE users ADD COLUMN {COLUMN} TEXT;\n".encode()
    edit(files, f'"{stems[-1]}",', f'"{stems[-1]}",\n            "{stem}",')

    edit(files, 'users.created_at"\n', f'users.created_at, users.{COLUMN}"\n')
    row = "    disabled_at: Option<Timestamp>,\n    created_at: Timestamp,\n}"
    unused = '#[expect(dead_code, reason = "read, and no more")]'
    edit(files, row, row.replace("\n}", f"\n    {unused}\n    {COLUMN}: Option<String>,\n}}"))
    edit(files, "claimed_email_key, verify_by) \\\n", f"claimed_email_key, verify_by, {COLUMN}) \\\n")
    values = "$13, $14, $15) \\\n         ON CONFLICT DO NOTHING"
    edit(files, values, values.replace("$15", "$15, 'new'"))


def edit(files: dict[str, bytes], old: str, new: str) -> None:
    """Replaces a text that stands once in all of src/store."""
    found = [name for name, text in files.items() if name.startswith("src/store/") and old.encode() in text]
    assert len(found) == 1 and files[found[0]].count(old.encode()) == 1, f"to be changed once, but found in {found}: {old}"
    files[found[0]] = files[found[0]].replace(old.encode(), new.encode())


def synchronise(folder: Path, files: dict[str, bytes]) -> None:
    """Makes a folder hold these files. What is the same is not touched: cargo goes by the time."""
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)


def build(source: Path, binary: Path) -> Path:
    # One target folder: what they depend on is mostly the same.
    environment = dict(os.environ) | {"CARGO_TARGET_DIR": str(BUILDS / "target")}
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "--locked", "--bin", "countersign"]
    subprocess.run(command, cwd=source, env=environment, check=True)
    # A copy that is cut off must not count as built.
    aside = binary.with_suffix(".part")
    shutil.copy2(BUILDS / "target/release/countersign", aside)
    return aside.replace(binary)
