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
    """Signs others. `issuer`: the authority above; without one it signs itself."""

    def __init__(self, folder, name="authority", issuer=None):
        self.folder = Path(folder)
        self.count = 0
        super().__init__(self.folder / name)
        subject = ["-subj", f"/CN={name}"]
        constraints = "basicConstraints=critical,CA:TRUE"
        if issuer:
            self._request(*subject, into=self, kind="ec")
            issuer._sign(self, constraints + "\n")
        else:
            self._request(
                "-x509", "-days", "30", *subject, "-addext", constraints, into=self, kind="ec"
            )

    def issue(self, *names, kind="ec", ocsp=None, days=30, usage=None):
        """A certificate for these host names or addresses; the first is the common name. `ocsp`:
        where one asks for its status. `days`: negative, and it has expired. `usage`: what alone its
        key is for, "serverAuth"."""
        made = Certificate(self.folder / f"{self.count + 1}-{names[0].replace('*', 'star')}")
        entries = ",".join(
            ("IP:" if name.replace(".", "").isdigit() else "DNS:") + name for name in names
        )
        self._request("-subj", f"/CN={names[0]}/O=Pylon", into=made, kind=kind)
        extensions = f"subjectAltName={entries}\nbasicConstraints=CA:FALSE\n"
        if ocsp:
            extensions += f"authorityInfoAccess=OCSP;URI:{ocsp}\n"
        if usage:
            extensions += f"extendedKeyUsage={usage}\n"
        self._sign(made, extensions, days)
        return made

    def _sign(self, made, extensions, days=30):
        self.count += 1
        path = made.cert_path.with_suffix(".ext")
        path.write_text(extensions)
        signed = ["-CA", self.cert_path, "-CAkey", self.key_path, "-set_serial", self.count + 1]
        files = ["-in", made.cert_path, "-extfile", path, "-out", made.cert_path]
        openssl("x509", "-req", "-days", days, *signed, *files)

    @staticmethod
    def _request(*arguments, into, kind):
        keys = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[kind]
        files = ["-keyout", into.key_path, "-out", into.cert_path]
        openssl("req", "-new", "-nodes", "-newkey", *keys, *arguments, *files)


def server_ssl(certificate, *names, **fields):
    """An ssl object."""
    return {"cert": certificate.cert, "key": certificate.key, "snis": list(names), **fields}
