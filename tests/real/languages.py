"""Programs in other languages around the code of the guides: what they are built of, and a talk with them, a line of JSON at a time."""

import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import guides
from countersign import INCLUDE, ROOT, RULES
from programs import Failed, Program

TOOLS = ROOT / ".tools/real"
# Packages of Debian 13, which tests/real/unpack has put there.
UNPACKED = TOOLS / "debian-13/root/usr/share"
HERE = Path(__file__).resolve().parent
# Where the guides say that the service is, and by which name its tokens call it.
ISSUER = "https://auth.example.com"
# Installing and compiling may take this long, in seconds, on a slow machine with nothing in its caches.
BUILD = 900


class Talker(Program):
    """A program that answers each line of its standard input by one on its standard output; its log has what it says on standard error."""

    def start(self) -> "Talker":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        self.answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()
        return self

    def _listen(self, lines) -> None:
        for line in lines:
            self.answers.put(line)
        self.answers.put("")

    def send(self, **request: object) -> None:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self, seconds: float = 60) -> dict:
        try:
            line = self.answers.get(timeout=seconds)
        except queue.Empty:
            raise Failed(f"{self.name} did not answer within {seconds} s; its log ends with:\n{self.tail()}") from None
        if not line:
            raise Failed(f"{self.name} has ended; its log ends with:\n{self.tail()}")
        return json.loads(line)

    def ask(self, **request: object) -> dict:
        self.send(**request)
        return self.answer()


def execute(command: list[object], folder: Path, **environment: str) -> None:
    """Runs a build step; fails with what it printed."""
    result = subprocess.run(
        [str(part) for part in command], cwd=folder, env=os.environ | environment, timeout=BUILD,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if result.returncode:
        raise Failed(f"{' '.join(map(str, command))}: status {result.returncode}\n{result.stdout[-4000:]}")


def installed(name: str, pins: list[Path], command: list[object]) -> Path:
    """A folder of .tools/real with what `command`, run in it, installs by these files; anew when they change."""
    folder = TOOLS / name
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in pins:
            shutil.copy(path, folder)
        execute(command, folder)
        stamp.write_text(digest)
    return folder


class Python:
    def prepare(self, folder: Path) -> None:
        pass

    def verifier(self, folder: Path, name: str) -> Talker:
        return Talker(name, [sys.executable, HERE / "python/verify.py", name], folder)

    def _stubs(self, folder: Path) -> None:
        protos = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))
        execute([sys.executable, "-m", "grpc_tools.protoc", *INCLUDE, "--python_out=.", "--grpc_python_out=.", *protos, RULES], folder)

    def client(self, folder: Path) -> Talker:
        self._stubs(folder)
        return Talker("python", [sys.executable, HERE / "python/client.py"], folder)

    def tls(self, folder: Path) -> Talker:
        self._stubs(folder)
        return Talker("python", [sys.executable, HERE / "python/tls_talk.py"], folder)

    def service(self, folder: Path, library: str, authority: Path) -> Talker:
        command = [sys.executable, HERE / "python/service.py", library]
        return Talker(library, command, folder, os.environ | {"REQUESTS_CA_BUNDLE": str(authority)})


class Node:
    def prepare(self, folder: Path) -> None:
        pins = [HERE / "node/package.json", HERE / "node/package-lock.json"]
        tools = installed("node", pins, ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        (folder / "node_modules").symlink_to(tools / "node_modules")

    def verifier(self, folder: Path, name: str) -> Talker:
        return Talker(name, ["node", HERE / "node/verify.mjs", f"{name}.mjs"], folder)

    def client(self, folder: Path) -> Talker:
        for name in ("proto", "third_party"):
            (folder / name).symlink_to(ROOT / name)
        return Talker("node", ["node", HERE / "node/client.mjs"], folder)

    def tls(self, folder: Path) -> Talker:
        for name in ("proto", "third_party"):
            (folder / name).symlink_to(ROOT / name)
        return Talker("node", ["node", HERE / "node/tls_talk.mjs"], folder)

    def service(self, folder: Path, library: str, authority: Path) -> Talker:
        command = ["node", HERE / "node/service.mjs", library]
        return Talker(library, command, folder, os.environ | {"NODE_EXTRA_CA_CERTS": str(authority)})


class Go:
    def prepare(self, folder: Path) -> None:
        for name in ("go.mod", "go.sum"):
            shutil.copy(HERE / "go" / name, folder)

    def _build(self, folder: Path, main: str) -> Path:
        shutil.copy(HERE / "go" / main, folder)
        execute(["go", "build", "-o", "program", main], folder, CGO_ENABLED="0", GOFLAGS="-mod=readonly")
        return folder / "program"

    def verifier(self, folder: Path, name: str) -> Talker:
        """Each is a module of its own: what one imports is not compiled for another."""
        module = folder / name
        (module / "verifier").mkdir(parents=True, exist_ok=True)
        self.prepare(module)
        shutil.copy(folder / f"{name}.go", module / "verifier")
        return Talker(name, [self._build(module, "verify.go")], folder)

    def _stubs(self, folder: Path, source: str) -> None:
        """Generated code, and the guide's file as a package beside it."""
        execute(["scripts/tools", "protoc", "protoc-gen-go", "protoc-gen-go-grpc"], ROOT)
        plugins = [f"--plugin={ROOT}/.tools/bin/{name}" for name in ("protoc-gen-go", "protoc-gen-go-grpc")]
        (folder / "gen").mkdir()
        execute(
            ["protoc", *INCLUDE, *plugins, "--go_out=gen", "--go_opt=module=countersign", "--go-grpc_out=gen",
             "--go-grpc_opt=module=countersign", *sorted((ROOT / "proto/auth/v1").glob("*.proto"))],
            folder,
        )  # fmt: skip
        # As scripts/check-generators has them, which has compiled them in CI.
        pins = (ROOT / "scripts/generators/go.mod").read_text()
        (folder / "go.mod").write_text(pins.replace("module countersign", "module example.com/app"))
        shutil.copy(ROOT / "scripts/generators/go.sum", folder)
        (folder / "client").mkdir()
        (folder / source).rename(folder / "client" / source)

    def client(self, folder: Path) -> Talker:
        self._stubs(folder, "client.go")
        return Talker("go", [self._build(folder, "talk.go")], folder)

    def tls(self, folder: Path) -> Talker:
        self._stubs(folder, "tls.go")
        return Talker("go", [self._build(folder, "tls_talk.go")], folder)

    def service(self, folder: Path, library: str, authority: Path) -> Talker:
        (folder / "service").mkdir()
        for source in folder.glob("service*.go"):
            source.rename(folder / "service" / source.name)
        return Talker(library, [self._build(folder, "service.go")], folder, os.environ | {"SSL_CERT_FILE": str(authority)})


class Java:
    def prepare(self, folder: Path) -> None:
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
        pins = [HERE / "java/pom.xml"]
        self.tools = installed("java", pins, ["mvn", "--quiet", "--batch-mode", goal, "-DoutputDirectory=."])
        self.path = f"{folder}/classes:{self.tools}/*"

    def _program(self, folder: Path, name: str, main: str, *options: str) -> Talker:
        # A short life and a small heap: the compiler that makes code fast is not worth its start.
        java = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", *options, "-cp", self.path]
        return Talker(name, [*java, *main.split()], folder)

    def _compile(self, folder: Path, sources: list[Path]) -> None:
        if not (folder / "classes").exists():
            execute(["javac", "-nowarn", "-proc:none", "-d", "classes", "-cp", self.path, *sources], folder)

    def verifier(self, folder: Path, name: str) -> Talker:
        self._compile(folder, [HERE / "java/Verify.java", *sorted(folder.glob("*Verifier.java"))])
        return self._program(folder, name, f"Verify {name}")

    def _stubs(self, folder: Path, program: str) -> None:
        execute(["scripts/tools", "protoc"], ROOT)
        plugin = folder / "protoc-gen-grpc-java"
        shutil.copy(next(self.tools.glob("protoc-gen-grpc-java-*.exe")), plugin)
        plugin.chmod(0o755)
        (folder / "generated").mkdir()
        execute(
            ["protoc", *INCLUDE, f"--plugin={plugin}", "--java_out=generated",
             # Without its annotation, which the JDK no longer has.
             "--grpc-java_out=@generated=omit:generated", *sorted((ROOT / "proto/auth/v1").glob("*.proto"))],
            folder,
        )  # fmt: skip
        self._compile(folder, [HERE / "java" / program, *folder.glob("*.java"), *(folder / "generated").rglob("*.java")])

    def client(self, folder: Path) -> Talker:
        self._stubs(folder, "Talk.java")
        # Two addresses of one name, as DNS would give them.
        return self._program(folder, "java", "Talk", f"-Djdk.net.hosts.file={folder}/hosts")

    def tls(self, folder: Path) -> Talker:
        self._stubs(folder, "TlsTalk.java")
        return self._program(folder, "java", "TlsTalk")

    def service(self, folder: Path, library: str, authority: Path) -> Talker:
        self._compile(folder, [HERE / "java/Service.java", *folder.glob("*Service.java")])
        trust = folder / "trust.p12"
        if not trust.exists():
            execute(["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", authority, "-keystore", trust,
                     "-storepass", "changeit"], folder)  # fmt: skip
        trusted = f"-Djavax.net.ssl.trustStore={trust}", "-Djavax.net.ssl.trustStorePassword=changeit"
        return self._program(folder, library, f"Service {library}", *trusted)


class Php:
    """With a php-jwt that Debian has within another package, or the one whose sources PHP_JWT names."""

    # Where the guide keeps the keys.
    CACHE = "/var/cache/orders"

    def prepare(self, folder: Path) -> None:
        self.library = Path(os.environ.get("PHP_JWT", UNPACKED / "zabbix/vendor/firebase/php-jwt/src"))
        if not (self.library / "CachedKeySet.php").exists():
            raise Failed(f"there is no php-jwt in {self.library}: let PHP_JWT name the folder of its sources")
        for source in folder.glob("verify*.php"):
            text = source.read_text()
            assert self.CACHE in text
            source.write_text(text.replace(self.CACHE, f"{folder}/cache"))

    def verifier(self, folder: Path, name: str) -> Talker:
        libraries = {"PHP_JWT": str(self.library), "PHP_LIBRARIES": str(UNPACKED / "php")}
        return Talker(name, ["php", HERE / "php/verify.php", f"{name}.php"], folder, os.environ | libraries)


class Ruby:
    """With Debian's gem, or the one whose `lib` RUBY_JWT names."""

    def prepare(self, folder: Path) -> None:
        gems = sorted(UNPACKED.glob("rubygems-integration/all/gems/jwt-*/lib"))
        self.library = Path(os.environ["RUBY_JWT"]) if "RUBY_JWT" in os.environ else next(iter(gems), UNPACKED)
        if not (self.library / "jwt.rb").exists():
            raise Failed(f"there is no gem jwt in {self.library}: let RUBY_JWT name its lib")

    def verifier(self, folder: Path, name: str) -> Talker:
        return Talker(name, ["ruby", "-I", self.library, HERE / "ruby/verify.rb", name], folder)


LANGUAGES = {"node": Node, "python": Python, "go": Go, "java": Java}
# What a service can be written in that takes our tokens.
VERIFIERS = LANGUAGES | {"php": Php, "ruby": Ruby}


def guide(name: str, language: str, folder: Path, replacements: dict[str, str]):
    """A guide's files in a folder of their own, and the language that builds programs around them."""
    folder.mkdir(parents=True, exist_ok=True)
    guides.write(name, folder, replacements)
    built = VERIFIERS[language]()
    built.prepare(folder)
    return built
