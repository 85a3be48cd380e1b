"""curl and openssl s_client against the gateway's TLS port."""

import re
import subprocess
from dataclasses import dataclass

from harness.certs import openssl
from harness.echo import Told


@dataclass
class Curled:
    code: int  # of curl itself; 0: it got an answer
    status: int
    content: bytes
    error: str

    @property
    def told(self):
        """What the upstream says it saw."""
        return Told(self)


def curl(port, host, path="/", *options, ca=None, cert=None, timeout=10):
    """One request by name; without `ca` the certificate is not verified."""
    trust = ["--cacert", str(ca.cert_path)] if ca else ["-k"]
    if cert is not None:
        trust += ["--cert", str(cert.cert_path), "--key", str(cert.key_path)]
    command = ["curl", "-sS", "--resolve", f"{host}:{port}:127.0.0.1", *trust, *map(str, options)]
    done = subprocess.run(
        [*command, "-w", "\n%{http_code}", f"https://{host}:{port}{path}"],
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    body, _, status = done.stdout.rpartition(b"\n")
    return Curled(done.returncode, int(status or 0), body, done.stderr.decode(errors="replace"))


class Hello:
    """What a handshake by s_client showed."""

    def __init__(self, port, name=None, *options, stdin=b""):
        named = ["-servername", name] if name else ["-noservername"]
        done = openssl(
            "s_client", "-connect", f"127.0.0.1:{port}", *named, *options, stdin=stdin, check=False
        )
        self.text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")

    @property
    def subject(self):
        found = re.search(r"^subject=(.*)$", self.text, re.M)
        return found.group(1).strip() if found else None

    @property
    def protocol(self):
        found = re.search(r"^(?:New|Reused), (TLSv[0-9.]+)", self.text, re.M)
        return found.group(1) if found else None

    @property
    def resumed(self):
        return re.search(r"^Reused, TLS", self.text, re.M) is not None

    @property
    def alpn(self):
        found = re.search(r"^ALPN protocol: (.*)$", self.text, re.M)
        return found.group(1) if found else None

    @property
    def peer_key(self):
        found = re.search(r"^Peer signature type: (.*)$", self.text, re.M)
        return found.group(1) if found else None
