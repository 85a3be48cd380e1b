"""OpenSSL's own OCSP responder, and what it knows of certificates."""

from harness.certs import openssl
from harness.ports import free_port
from harness.process import Process
from harness.wire import until


class Responder:
    """Speaks for `authority`. Certificates that it was not told of are unknown to it."""

    def __init__(self, authority, minutes=60):
        self.authority = authority
        self.minutes = minutes  # how long an answer holds
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.index = authority.folder / "index.txt"
        self.index.write_text("")
        self.process = None

    def issue(self, *names, status="V", **more):
        """A certificate that names this responder, with its authority behind it. "V": it is good,
        "R": revoked, None: not known."""
        made = self.authority.issue(*names, ocsp=self.url, **more)
        made.cert_path.write_text(made.cert + self.authority.cert)
        if status:
            self.tell(made, status)
        return made

    def tell(self, certificate, status):
        serial = openssl("x509", "-noout", "-serial", "-in", certificate.cert_path).stdout
        number = serial.decode().strip().partition("=")[2]
        revoked = "260101000000Z" if status == "R" else ""
        line = f"{status}\t491231000000Z\t{revoked}\t{number}\tunknown\t/CN={number}\n"
        others = self.index.read_text().splitlines(True)
        kept = [each for each in others if f"\t{number}\t" not in each]
        self.index.write_text("".join(kept) + line)

    def start(self, signer=None):
        """With what it was told so far. `signer`: who signs the answers; the authority itself if
        nobody is named."""
        signer = signer or self.authority
        keys = ["-rsigner", signer.cert_path, "-rkey", signer.key_path]
        command = ["openssl", "ocsp", "-index", self.index, "-port", self.port, *keys]
        command += ["-CA", self.authority.cert_path, "-nmin", self.minutes]
        self.process = Process([str(each) for each in command], self.authority.folder)
        # A connection without a question would keep it busy for good.
        until(lambda: "waiting" in self.process.output.read_text(), "the responder", 15, 0.02)
        return self

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None
