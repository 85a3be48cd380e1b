"""Certificates made on the spot with openssl."""

import subprocess
from pathlib import Path


def openssl(*arguments, check=True, stdin=None, timeout=20):
    return subprocess.run(
        ["openssl", *map(str, arguments)],
        check=check,
        capture_output=True,
        input=stdin,
        timeout=timeout,
    )


class Certificate:
    """A PEM certificate and its key, in files."""

    def __init__(self, path):
        self.cert_path = Path(f"{path}.crt")
        self.key_path = Path(f"{path}.key")

    @property
    def cert(self):
        return self.cert_path.read_text()

    @property
    def key(self):
        return self.key_path.read_text()


class Authority(Certificate):
    """Signs others."""

    def __init__(self, folder, name="authority"):
        self.folder = Path(folder)
        self.count = 0
        super().__init__(self.folder / name)
        subject = f"/CN={name}"
        more = ["-addext", "basicConstraints=critical,CA:TRUE"]
        self._request("-x509", "-days", "30", "-subj", subject, *more, into=self, kind="ec")

    def issue(self, *names, kind="ec", ocsp=None):
        """A certificate for these host names or addresses; the first is the common name. `ocsp`:
        where one asks for its status."""
        self.count += 1
        made = Certificate(self.folder / f"{self.count}-{names[0].replace('*', 'star')}")
        entries = ",".join(
            ("IP:" if name.replace(".", "").isdigit() else "DNS:") + name for name in names
        )
        self._request("-subj", f"/CN={names[0]}/O=Pylon", into=made, kind=kind)
        extensions = made.cert_path.with_suffix(".ext")
        status = f"authorityInfoAccess=OCSP;URI:{ocsp}\n" if ocsp else ""
        extensions.write_text(f"subjectAltName={entries}\nbasicConstraints=CA:FALSE\n{status}")
        signed = ["-CA", self.cert_path, "-CAkey", self.key_path, "-set_serial", self.count + 1]
        files = ["-in", made.cert_path, "-extfile", extensions, "-out", made.cert_path]
        openssl("x509", "-req", "-days", "30", *signed, *files)
        return made

    @staticmethod
    def _request(*arguments, into, kind):
        keys = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[kind]
        files = ["-keyout", into.key_path, "-out", into.cert_path]
        openssl("req", "-new", "-nodes", "-newkey", *keys, *arguments, *files)


def server_ssl(certificate, *names, **fields):
    """An ssl object."""
    return {"cert": certificate.cert, "key": certificate.key, "snis": list(names), **fields}
