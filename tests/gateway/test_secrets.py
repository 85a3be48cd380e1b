"""Secrets: encrypted in the store, and references to the environment and to Vault."""

import base64
import hashlib
import hmac
import http.server
import json
import sqlite3
import subprocess
import threading
import time
import urllib.parse

import pytest
from harness.http import get
from harness.wire import until

KEYRING = ["qeddd145sfvddff3", "edd1c9f0985e76a2"]


def openssl(text, key, *more):
    secret = key.encode().hex()
    command = ["openssl", "enc", "-aes-128-cbc", "-K", secret, "-iv", secret, "-base64", "-A"]
    done = subprocess.run([*command, *more], input=text, capture_output=True, check=True)
    return done.stdout


def database(gateway):
    return sqlite3.connect(gateway.folder / "data/pylon.db", timeout=10)


def stored(gateway, key):
    with database(gateway) as connection:
        row = connection.execute("SELECT value FROM entry WHERE key = ?", (key,)).fetchone()
    return json.loads(row[0])


def key_of(value):
    return value["plugins"]["key-auth"]["key"]


def protect(gateway, echo, **conf):
    route = {"uri": "/*", "plugins": {"key-auth": conf}, "upstream": echo.upstream()}
    gateway.admin.put("/routes/1", route)


def allowed(gateway, key, path="/x"):
    return get(gateway.port, path, headers={"apikey": key}).status == 200


def test_fields_are_encrypted_in_the_store(own_pylon, echo):
    gateway = own_pylon()
    protect(gateway, echo)
    body = {"username": "bob", "plugins": {"key-auth": {"key": "open sesame"}}}
    written = gateway.admin.put("/consumers", body)
    sealed = key_of(stored(gateway, "/apisix/consumers/bob"))
    assert sealed == openssl(b"open sesame", KEYRING[0]).decode()
    assert key_of(written["value"]) == sealed  # as APISIX answers a write
    assert key_of(gateway.admin.get("/consumers/bob")["value"]) == "open sesame"
    (item,) = gateway.admin.get("/consumers")["list"]
    assert key_of(item["value"]) == "open sesame"
    assert allowed(gateway, "open sesame") and not allowed(gateway, sealed)
    gateway.restart()
    assert allowed(gateway, "open sesame")
    with database(gateway) as connection:
        everything = json.dumps(list(connection.execute("SELECT * FROM version")))
    assert "open sesame" not in everything


def test_what_another_key_of_the_ring_has_written(own_pylon, echo):
    gateway = own_pylon()
    protect(gateway, echo)
    gateway.admin.put("/consumers", {"username": "bob", "plugins": {"key-auth": {"key": "x"}}})
    gateway.stop()
    old = openssl(b"written by APISIX", KEYRING[1]).decode()
    value = {"username": "bob", "plugins": {"key-auth": {"key": old}}}
    with database(gateway) as connection:
        update = "UPDATE entry SET value = ? WHERE key = '/apisix/consumers/bob'"
        connection.execute(update, (json.dumps(value),))
    gateway.start()
    assert allowed(gateway, "written by APISIX")
    assert key_of(gateway.admin.get("/consumers/bob")["value"]) == "written by APISIX"


def test_encryption_off(own_pylon, echo):
    gateway = own_pylon({"apisix": {"data_encryption": {"enable_encrypt_fields": False}}})
    protect(gateway, echo)
    gateway.admin.put("/consumers", {"username": "bob", "plugins": {"key-auth": {"key": "plain"}}})
    assert key_of(stored(gateway, "/apisix/consumers/bob")) == "plain"
    assert allowed(gateway, "plain")


def test_private_keys(own_pylon):
    gateway = own_pylon()
    pair = gateway.folder / "key.pem", gateway.folder / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    more = ["-nodes", "-subj", "/CN=a.test", "-days", "2", "-keyout", pair[0], "-out", pair[1]]
    subprocess.run([*make, *more], check=True, capture_output=True)
    key, cert = pair[0].read_text(), pair[1].read_text()
    gateway.admin.put("/ssls/1", {"key": key, "cert": cert, "snis": ["a.test"]})
    sealed = stored(gateway, "/apisix/ssls/1")["key"]
    assert openssl(base64.b64encode(base64.b64decode(sealed)), KEYRING[0], "-d").decode() == key
    gateway.admin.patch("/ssls/1", {"snis": ["b.test"]})
    assert stored(gateway, "/apisix/ssls/1")["key"] == sealed
    tls = {"client_key": key, "client_cert": cert}
    upstream = {"type": "roundrobin", "scheme": "https", "nodes": {"127.0.0.1:1": 1}, "tls": tls}
    gateway.admin.put("/upstreams/1", upstream)
    assert "PRIVATE" not in json.dumps(stored(gateway, "/apisix/upstreams/1"))
    gateway.admin.patch("/upstreams/1", {"desc": "x"})
    assert "PRIVATE" not in json.dumps(stored(gateway, "/apisix/upstreams/1"))
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.tls_port}"]
    done = subprocess.run([*command, "-servername", "b.test"], input=b"", capture_output=True)
    assert b"CN = a.test" in done.stdout


def test_references_to_the_environment(own_pylon, echo):
    gateway = own_pylon(start=False)
    gateway.start({"BOBS_KEY": "from the environment", "KEYS": '{"eve": "hers"}'})
    protect(gateway, echo)
    for name, reference in {
        "bob": "$env://BOBS_KEY",
        "eve": "$ENV://KEYS/eve",
        "joe": "$env://NOBODYS",
    }.items():
        body = {"username": name, "plugins": {"key-auth": {"key": reference}}}
        gateway.admin.put("/consumers", body)
    assert allowed(gateway, "from the environment") and allowed(gateway, "hers")
    assert not allowed(gateway, "$env://NOBODYS") and not allowed(gateway, "$env://BOBS_KEY")
    until(lambda: "NOBODYS is not set" in gateway.read_log("error.log"), "the log")
    assert "from the environment" not in gateway.read_log("error.log")
    shown = gateway.admin.get("/consumers/bob")["value"]
    assert key_of(shown) == "$env://BOBS_KEY"
    headers = {"headers": {"set": {"X-Secret": "$env://BOBS_KEY"}}}
    gateway.admin.patch("/routes/1", {"plugins": {"response-rewrite": headers}})
    answer = get(gateway.port, "/x", headers={"apikey": "hers"})
    assert answer.get(b"x-secret") == b"from the environment"


class Manager(http.server.BaseHTTPRequestHandler):
    """What the handlers of all managers share."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Vault:
    """Knows some secrets; `down` answers 500."""

    def __init__(self):
        self.secrets, self.down, self.asked = {}, False, []
        vault = self

        class Handler(Manager):
            def do_GET(self):
                token = self.headers["X-Vault-Token"]
                vault.asked.append((self.path, token, self.headers["X-Vault-Namespace"]))
                secret = vault.secrets.get(self.path)
                status = 500 if vault.down else 403 if token != "root" else 200 if secret else 404
                body = {"data": secret} if status == 200 else {"errors": ["never shown"]}
                self.answer(status, body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def manager(self, **more):
        return {"uri": f"http://127.0.0.1:{self.port}", "prefix": "kv", "token": "root", **more}


@pytest.fixture
def vault():
    server = Vault()
    yield server
    server.server.shutdown()


QUICK = {"apisix": {"lru": {"secret": {"ttl": 1, "neg_ttl": 1}}}}


def consumer(name, reference):
    return {"username": name, "plugins": {"key-auth": {"key": reference}}}


def test_secrets_of_vault(own_pylon, echo, vault):
    gateway = own_pylon(QUICK, start=False).start({"TOKEN": "root"})
    protect(gateway, echo)
    vault.secrets["/v1/kv/bob"] = {"key": "first"}
    vault.secrets["/v1/kv2/data/eve"] = {"data": {"key": "hers"}, "metadata": {"version": 1}}
    gateway.admin.put("/secrets/vault/1", vault.manager(token="$env://TOKEN", namespace="ns"))
    gateway.admin.put("/secrets/vault/2", vault.manager(prefix="kv2/data"))
    gateway.admin.put("/consumers", consumer("bob", "$secret://vault/1/bob/key"))
    gateway.admin.put("/consumers", consumer("eve", "$secret://vault/2/eve/key"))
    # Writes are answered when what they refer to is known.
    assert allowed(gateway, "first") and allowed(gateway, "hers")
    assert ("/v1/kv/bob", "root", "ns") in vault.asked
    vault.secrets["/v1/kv/bob"] = {"key": "second"}
    until(lambda: allowed(gateway, "second"), "the new value", 5, 0.05)
    assert not allowed(gateway, "first")
    vault.down = True
    count = len(vault.asked)
    until(lambda: len(vault.asked) > count + 2, "further questions", 8, 0.05)
    assert allowed(gateway, "second") and allowed(gateway, "hers")
    log = gateway.read_log("error.log")
    assert "its last value stays in force" in log
    assert "never shown" not in log and "second" not in log
    told = json.loads(get(gateway.control_port, "/v1/config/status").content)["secrets"]
    reason = "the secret manager answers 500"
    assert {"secret": "vault/1/bob", "status": "known", "reason": reason} in told
    vault.down = False
    gateway.stop()
    gateway.start({"TOKEN": "root"})
    assert allowed(gateway, "second")  # with the first request after a start


class Aws(Manager):
    """A Secrets Manager that checks signatures, and knows one secret with a slash in its name."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)["SecretId"]
        if not self.headers["Authorization"].endswith("Signature=" + self.signature(body)):
            return self.answer(403, {"__type": "InvalidSignatureException"})
        if asked != "team/bob":
            return self.answer(400, {"__type": "ResourceNotFoundException"})
        return self.answer(200, {"SecretString": json.dumps({"key": "of aws"})})

    def signature(self, body):
        names = "content-type;host;x-amz-date;x-amz-target"
        fields = "".join(f"{name}:{self.headers[name]}\n" for name in names.split(";"))
        moment = self.headers["X-Amz-Date"]
        scope = [moment[:8], "eu-west-1", "secretsmanager", "aws4_request"]
        head = f"POST\n/\n\n{fields}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        digest = hashlib.sha256(head.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{'/'.join(scope)}\n{digest}"
        key = b"AWS4secret"
        for part in [*scope, text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()


def test_secrets_of_aws(own_pylon, echo):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Aws)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gateway = own_pylon(QUICK)
    protect(gateway, echo)
    manager = {"access_key_id": "id", "secret_access_key": "secret", "region": "eu-west-1"}
    manager["endpoint_url"] = f"http://127.0.0.1:{server.server_address[1]}"
    gateway.admin.put("/secrets/aws/1", manager)
    gateway.admin.put("/consumers", consumer("bob", "$secret://aws/1/team/bob/key"))
    assert allowed(gateway, "of aws")
    gateway.admin.put("/consumers", consumer("eve", "$secret://aws/1/team/eve/key"))
    assert "the secret manager has no such secret" in gateway.read_log("error.log")
    server.shutdown()


class Gcp(Manager):
    """Gives a token for an assertion that is signed by `key`, and one secret for the token."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(urllib.parse.parse_qsl(body, strict_parsing=True))
        text, _, signature = form["assertion"].rpartition(".")
        claims = json.loads(decoded(text.split(".")[1]))
        good = (
            form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            and claims["iss"] == "pylon@project.test"
            and claims["aud"] == f"http://127.0.0.1:{self.server.server_address[1]}/token"
            and claims["iat"] <= time.time() + 1 < claims["exp"]
            and self.is_signed(text.encode(), decoded(signature))
        )
        self.server.tokens += 1
        token = {"access_token": "opens", "token_type": "Bearer", "expires_in": 3599}
        self.answer(*((200, token) if good else (400, {"error": "invalid_grant"})))

    def is_signed(self, text, signature):
        folder = self.server.folder
        (folder / "signature").write_bytes(signature)
        command = ["openssl", "dgst", "-sha256", "-prverify", folder / "account.pem"]
        more = ["-signature", folder / "signature"]
        return subprocess.run([*command, *more], input=text, capture_output=True).returncode == 0

    def do_GET(self):
        if self.headers["Authorization"] != "Bearer opens":
            return self.answer(401, {})
        if self.path != "/v1/projects/p1/secrets/bob/versions/latest:access":
            return self.answer(404, {})
        data = base64.b64encode(json.dumps({"key": "of gcp"}).encode()).decode()
        return self.answer(200, {"payload": {"data": data}})


def decoded(text):
    return base64.urlsafe_b64decode(text + "==")


def test_secrets_of_gcp(own_pylon, echo):
    gateway = own_pylon(QUICK)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gcp)
    server.folder, server.tokens = gateway.folder, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    key = gateway.folder / "account.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    account = {
        "client_email": "pylon@project.test",
        "private_key": key.read_text(),
        "project_id": "p1",
        "token_uri": address + "/token",
        "entries_uri": address + "/v1",
    }
    protect(gateway, echo)
    gateway.admin.put("/secrets/gcp/1", {"auth_config": account})
    (gateway.folder / "account.json").write_text(json.dumps(account))
    gateway.admin.put("/secrets/gcp/2", {"auth_file": str(gateway.folder / "account.json")})
    gateway.admin.put("/consumers", consumer("bob", "$secret://gcp/1/bob/key"))
    assert allowed(gateway, "of gcp")
    gateway.admin.put("/consumers", consumer("eve", "$secret://gcp/1/eve/key"))
    assert "the secret manager has no such secret" in gateway.read_log("error.log")
    assert server.tokens == 1
    gateway.admin.call("DELETE", "/consumers/bob")
    gateway.admin.put("/consumers", consumer("joe", "$secret://gcp/2/bob/key"))
    assert allowed(gateway, "of gcp")
    account["client_email"] = "other@project.test"
    gateway.admin.put("/secrets/gcp/2", {"auth_config": account})
    until(lambda: "token's address answers 400" in gateway.read_log("error.log"), "the log")
    assert allowed(gateway, "of gcp") and "PRIVATE" not in gateway.read_log("error.log")
    status, refused = gateway.admin.call("PUT", "/secrets/gcp/3", {})[:2]
    assert status == 400, refused
    server.shutdown()


def test_a_key_of_gcp_that_is_none_is_told(own_pylon):
    """Accepted, as by APISIX, whose own examples have such; the status says why it will not do."""
    gateway = own_pylon(QUICK)
    account = {"client_email": "a@b.test", "project_id": "p1"}
    for number, key in enumerate(["private_key", "$env://KEY", "$ENV://KEY"], 1):
        value = {"auth_config": {**account, "private_key": key}}
        assert gateway.admin.call("PUT", f"/secrets/gcp/{number}", value)[0] == 201
    answer = get(gateway.control_port, "/v1/config/status")
    (fault,) = json.loads(answer.content)["objects"]
    assert (fault["type"], fault["id"], fault["status"]) == ("secrets", "gcp/1", "quarantined")
    assert fault["reason"] == "auth_config.private_key is no RSA key in PEM"


def test_a_secret_that_is_not_there(own_pylon, echo, vault):
    gateway = own_pylon(QUICK)
    protect(gateway, echo)
    gateway.admin.put("/consumers", consumer("bob", "$secret://vault/1/bob/key"))
    assert not allowed(gateway, "$secret://vault/1/bob/key")
    told = "there is no secret manager vault/1"
    until(lambda: told in gateway.read_log("error.log"), told)
    vault.secrets["/v1/kv/bob"] = {"key": "now"}
    gateway.admin.put("/secrets/vault/1", vault.manager())
    assert allowed(gateway, "now")
    gateway.admin.put("/secrets/vault/1", vault.manager(token="wrong"))
    until(lambda: "the secret manager answers 403" in gateway.read_log("error.log"), "the log")
    assert allowed(gateway, "now")


def test_a_slow_vault_holds_nobody_up(own_pylon, echo, vault):
    """Requests never wait for it, and a write only for some time."""
    gateway = own_pylon(QUICK)
    protect(gateway, echo)
    vault.server.shutdown()  # takes connections, and answers nobody
    gateway.admin.put("/secrets/vault/1", vault.manager())
    gateway.admin.put("/consumers?wait=none", consumer("bob", "$secret://vault/1/bob/key"))
    assert not allowed(gateway, "x")
    gateway.admin.put("/consumers?wait=none", consumer("joe", "known"))
    until(lambda: allowed(gateway, "known"), "another consumer", 5, 0.02)
