"""Postfix and Exim, each with its own folders, that take mail from the service and put it into mailboxes that a test reads.

Both take what docs/guides/mail.md says of a relay: port 587 with STARTTLS and port 465, a user and a password. Postfix runs by the
guide's own files. Nothing leaves: each knows its own domains and no way to others.
"""

import contextlib
import email
import email.message
import email.policy
import os
import shutil
import socketserver
import subprocess
import tempfile
import threading
from pathlib import Path

import guides
from countersign import ROOT
from programs import STOP, Program, accepts, free_port, wait_until

DEBIAN_13 = ROOT / ".tools/real/debian-13/bin"
USER, PASSWORD = "countersign", "mail-password"
# Domains that the servers have mailboxes for; the second is bücher.example.
DOMAINS = ["example.com", "xn--bcher-kva.example"]


class Authority:
    """A private authority, and a certificate of it: for localhost, or for other names."""

    def __init__(self, folder: Path, *names: str):
        names = names or ("localhost",)
        self.ca, self.certificate, self.key = (folder / f"{part}.pem" for part in ("ca", "certificate", "key"))
        ca_key, request, extensions = folder / "ca-key.pem", folder / "request.pem", folder / "extensions"
        extensions.write_text(f"subjectAltName={','.join(f'DNS:{name}' for name in names)}\nbasicConstraints=CA:FALSE\n")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for command in (
            ["req", "-x509", *curve, "-keyout", ca_key, "-out", self.ca, "-subj", "/CN=Test authority", "-days", "30",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
            ["req", *curve, "-keyout", self.key, "-out", request, "-subj", "/CN=server"],
            ["x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-out", self.certificate,
             "-days", "30", "-extfile", extensions],
        ):  # fmt: skip
            subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)


class Answers:
    """What a server says to RCPT, by recipient, one answer after the other; then it decides on its own.

    Speaks Postfix's policy protocol. Exim asks the same by a socket.
    """

    def __init__(self):
        self.of: dict[str, list[str]] = {}
        self.given: list[tuple[str, str]] = []
        answers = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                request: dict[str, str] = {}
                for line in self.rfile:
                    name, _, value = line.decode().strip().partition("=")
                    if name:
                        request[name] = value
                        continue
                    answer = answers._next(request.get("recipient", ""))
                    self.wfile.write(f"action={answer}\n\n".encode())
                    if request.get("request") == "exim":
                        return
                    request = {}

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _next(self, recipient: str) -> str:
        waiting = self.of.get(recipient)
        answer = waiting.pop(0) if waiting else "DUNNO"
        self.given.append((recipient, answer))
        return answer

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class MailServer(Program):
    """What the two have in common."""

    # Where messages are that it has taken, and what it says of a wrong password.
    QUEUE: tuple[str, ...]
    WRONG_PASSWORD: str

    def __init__(self, name: str, folder: Path, authority: Authority):
        self.authority = authority
        self.answers = Answers()
        self.starttls_port, self.tls_port = free_port(), free_port()
        # Not in the test's own folder: the server's users may not enter that one.
        self.home = Path(tempfile.mkdtemp(prefix="countersign-real-"))
        self.home.chmod(0o755)
        self.mailboxes = self.home / "mail"
        self.mailboxes.mkdir()
        self.users = self.home / "users"
        self.users.write_text("")
        super().__init__(name, [], folder)

    def add(self, *addresses: str) -> None:
        """Makes mailboxes. Before the start: Postfix reads the list then."""
        with self.users.open("a") as users:
            for address in addresses:
                users.write(f"{address} {self.folder_of(address).relative_to(self.mailboxes)}/\n")

    def folder_of(self, address: str) -> Path:
        local, _, domain = address.rpartition("@")
        return self.mailboxes / domain / local

    def mails(self, address: str) -> list[email.message.EmailMessage]:
        """All that has come, in the order in which it was written: the service's ids begin with the time."""
        files = [path for path in self.folder_of(address).glob("new/*") if path.is_file()]
        letters = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]
        return sorted(letters, key=lambda letter: letter["Message-ID"])

    def is_idle(self) -> bool:
        """Whether it has passed on all that it took."""
        return not any(path.is_file() for part in self.QUEUE for path in (self.home / part).rglob("*"))

    def wait_for_mails(self, address: str, count: int, seconds: float = 60) -> list[email.message.EmailMessage]:
        self.wait_for(f"{count} mails to {address}", lambda: len(self.mails(address)) >= count, seconds)
        return self.mails(address)

    def start(self) -> "MailServer":
        super().start()
        self.wait_for("takes connections", lambda: accepts(self.starttls_port) and accepts(self.tls_port))
        return self

    def settings(self, **changes: str) -> dict[str, str]:
        """The service's settings for this server: the guide's."""
        replacements = {"mail.example.com:587": f"localhost:{self.starttls_port}", "/etc/countersign/mail-ca.pem": str(self.authority.ca)}
        text = guides.files("mail")["countersign.env"]
        for old, new in replacements.items():
            assert old in text, f"the guide does not say {old}"
            text = text.replace(old, new)
        settings = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return settings | changes

    def url(self, user: str = USER, password: str = PASSWORD, tls: bool = False) -> str:
        if tls:
            return f"smtps://{user}:{password}@localhost:{self.tls_port}"
        return f"smtp://{user}:{password}@localhost:{self.starttls_port}?tls=required"

    def signal(self, number: int) -> None:
        """To all of its processes, as whoever stops a service does: those that serve connections would go on."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def stop(self, seconds: float = STOP) -> int:
        """Until the last of them is gone."""

        def is_over() -> bool:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, 0)
                return False
            return True

        status = super().stop(seconds)
        wait_until("the end of its processes", is_over, seconds)
        return status

    def kill(self) -> None:
        super().kill()
        self.answers.close()
        shutil.rmtree(self.home, ignore_errors=True)


class Postfix(MailServer):
    """As root: its processes have users of their own. `extra` are lines of main.cf; `hosts` are the names that DNS has.

    `delay_reject` leaves out what the guide says about that: so it comes.
    """

    QUEUE = ("queue/incoming", "queue/active", "queue/deferred", "queue/maildrop")
    WRONG_PASSWORD = "SASL PLAIN authentication failed"

    def __init__(self, folder: Path, authority: Authority, extra: str = "", hosts: str = "", delay_reject: bool = False):
        super().__init__("postfix", folder, authority)
        self.extra, self.hosts, self.delay_reject = extra, hosts, delay_reject

    def start(self) -> "Postfix":
        if not self.command:
            self._configure()
        return super().start()

    def _configure(self) -> None:
        conf, home = self.home / "conf", self.home
        for part in ("queue", "data"):
            (home / part).mkdir()
        shutil.chown(home / "data", "postfix")
        shutil.chown(self.mailboxes, "nobody")
        for part in ("certificate", "key"):
            shutil.copy(getattr(self.authority, part), home / f"{part}.pem")
        paths = guides.write("mail", home / "guide", {
            "submission inet": f"127.0.0.1:{self.starttls_port} inet",
            "submissions inet": f"127.0.0.1:{self.tls_port} inet",
            "/etc/postfix/mail.pem": str(home / "certificate.pem"),
            "/etc/postfix/mail.key": str(home / "key.pem"),
            "/etc/sasldb2": str(home / "sasldb2"),
        })  # fmt: skip
        assert len(paths) >= 4
        conf.mkdir()
        guide = home / "guide"
        # Debian's Postfix looks in its own folder, whatever cyrus_sasl_config_path says.
        shutil.copytree(guide / "sasl", conf / "sasl")
        (conf / "main.cf").write_text(MAIN.format(home=home, port=self.answers.port, domains=", ".join(DOMAINS))
                                      + (guide / "main.cf").read_text() + self.extra)  # fmt: skip
        submission = (guide / "master.cf").read_text()
        assert NO_DELAY in submission, "the guide does not turn smtpd_delay_reject off"
        if self.delay_reject:
            submission = submission.replace(NO_DELAY, "")
        services = Path("/usr/share/postfix/master.cf.dist").read_text().splitlines()
        # Debian's, but on no port, and outside its chroot, which is not laid out here.
        kept = [self._without_chroot(line) for line in services if line[:1] not in ("#", " ", "") and " inet " not in line and " pipe" not in line]
        (conf / "master.cf").write_text("\n".join(kept) + "\n" + submission)
        if self.hosts:
            (home / "hosts").write_text(self.hosts)
            self.environment |= {"LD_PRELOAD": "libresolv_wrapper.so", "RESOLV_WRAPPER_HOSTS": str(home / "hosts")}
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", home / "sasldb2", "-u", "mail.example.com", USER],
                       input=PASSWORD.encode(), check=True)  # fmt: skip
        shutil.chown(home / "sasldb2", "postfix")
        subprocess.run(["postfix", "-c", str(conf), "check"], check=True, capture_output=True)
        self.command = ["setsid", "/usr/lib/postfix/sbin/master", "-c", str(conf), "-s"]

    @staticmethod
    def _without_chroot(line: str) -> str:
        fields = line.split(None, 7)
        fields[4] = "n"
        return " ".join(fields)


class Exim(MailServer):
    """Needs no root: all is its own user's. `main` are settings, `mail` lines of the ACL for MAIL; `starttls` says who is offered
    that, `plain` and `login` whether AUTH is."""

    QUEUE = ("spool/input",)
    WRONG_PASSWORD = "authenticator failed for"

    def __init__(self, folder: Path, authority: Authority, main: str = "", mail: str = "", starttls: str = "*", plain: str = "yes", login: str = "yes"):
        super().__init__("exim", folder, authority)
        self.fill = {"main": main, "mail": mail, "starttls": starttls, "plain": plain, "login": login}

    def start(self) -> "Exim":
        if not self.command:
            self._configure()
        return super().start()

    def _configure(self) -> None:
        home = self.home
        (home / "spool").mkdir()
        for part in ("certificate", "key"):
            shutil.copy(getattr(self.authority, part), home / f"{part}.pem")
        uid, gid = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        (home / "passwd").write_text(f"Debian-exim:x:{uid}:{gid}::{home}:/bin/false\nroot:x:0:0::/root:/bin/false\n")
        (home / "group").write_text(f"Debian-exim:x:{gid}:\nroot:x:0:\n")
        config = home / "exim.conf"
        config.write_text(EXIM.format(
            home=home, starttls_port=self.starttls_port, tls_port=self.tls_port, domains=" : ".join(DOMAINS),
            port=self.answers.port, program=DEBIAN_13 / "exim", **self.fill,
        ))  # fmt: skip
        # Its child processes know no other place for a log than files.
        self.log = home / "spool/mainlog"
        self.log.touch()
        if os.geteuid() == 0:
            for path in (home, home / "spool", self.log, self.mailboxes, home / "key.pem"):
                os.chown(path, uid, gid)
        (home / "dns").write_text("A login.example.com 127.0.0.1\n")
        self.environment |= {f"NSS_WRAPPER_{part.upper()}": str(home / part) for part in ("passwd", "group")}
        self.environment["RESOLV_WRAPPER_HOSTS"] = str(home / "dns")
        # Exim starts itself anew for each delivery and would want root for it; all here is its own user's.
        self.command = ["setsid", str(DEBIAN_13 / "exim"), "-C", str(config), "-bdf", "-q1m"]
        if os.geteuid() == 0:
            self.command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *self.command]


NO_DELAY = "  -o smtpd_delay_reject=no\n"

MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = /dev/stdout
import_environment = MAIL_CONFIG LANG=C LD_PRELOAD RESOLV_WRAPPER_HOSTS
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
default_transport = error:5.4.4 this server knows no other
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = texthash:{home}/users
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_relay_restrictions = check_policy_service inet:127.0.0.1:{port}, permit_sasl_authenticated, reject
"""

EXIM = """\
primary_hostname = mail.example.com
exim_path = {program}
keep_environment = ^NSS_WRAPPER : ^RESOLV_WRAPPER
spool_directory = {home}/spool
log_file_path = {home}/spool/%slog
log_selector = +smtp_protocol_error +smtp_syntax_error
pid_file_path = {home}/spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {starttls_port} : {tls_port}
tls_on_connect_ports = {tls_port}
tls_advertise_hosts = {starttls}
tls_certificate = {home}/certificate.pem
tls_privatekey = {home}/key.pem
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
deliver_drop_privilege = true
host_lookup =
rfc1413_hosts =
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
domainlist own = {domains}
never_users =
{main}
begin acl
mail:
{mail}
  deny !authenticated = *
       message = 530 5.7.0 Authentication required
  accept
rcpt:
  warn set acl_m_answer = ${{readsocket{{inet:127.0.0.1:{port}}}{{request=exim\\nrecipient=$local_part@$domain\\n\\n}}{{5s}}}}
       set acl_m_answer = ${{sg{{$acl_m_answer}}{{^action=|\\n}}{{}}}}
  deny condition = ${{if match{{$acl_m_answer}}{{^5}}}}
       message = $acl_m_answer
  defer condition = ${{if match{{$acl_m_answer}}{{^4}}}}
       message = $acl_m_answer
  require message = 550 5.1.1 Unknown user
          verify = recipient
  accept
begin routers
mailbox:
  driver = accept
  domains = +own
  condition = ${{lookup{{$local_part@$domain}}lsearch{{{home}/users}}{{yes}}{{no}}}}
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {home}/mail/${{lookup{{$local_part@$domain}}lsearch{{{home}/users}}}}
  maildir_format
  create_directory
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = {plain}
  server_condition = ${{if and{{{{eq{{$auth2}}{{countersign}}}}{{eq{{$auth3}}{{mail-password}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_advertise_condition = {login}
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{countersign}}}}{{eq{{$auth2}}{{mail-password}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = mail-password
"""
