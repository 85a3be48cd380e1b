"""OCSP stapling, with OpenSSL's responder. APISIX docs: ocsp-stapling."""

import socket
import time

import pytest

from harness.certs import Authority, server_ssl
from harness.ocsp import Responder
from harness.tls import Hello
from harness.wire import until

ON = {"ocsp_stapling": {"enabled": True}}
ANY = {"ocsp_stapling": {"enabled": True, "skip_verify": True}}


@pytest.fixture
def responder(tmp_path):
    made = Responder(Authority(tmp_path))
    yield made
    made.stop()


def staple(pylon, name, *options):
    """"good", "revoked", "unknown", or None: there is none."""
    text = Hello(pylon.tls_port, name, "-status", *options).text
    assert "BEGIN CERTIFICATE" in text, text
    if "OCSP response: no response sent" in text:
        return None
    assert "OCSP Response Status: successful" in text, text
    return text.partition("Cert Status: ")[2].split()[0]


def await_staple(pylon, name, status, *options):
    until(lambda: staple(pylon, name, *options) == status, f"the staple {status}", 15)


@pytest.mark.parametrize("version", ["-tls1_3", "-tls1_2"])
def test_a_good_certificate(pylon, responder, version):
    certificate = responder.issue("one.test")
    responder.start()
    pylon.admin.put("/ssls/1", server_ssl(certificate, "one.test", **ON))
    await_staple(pylon, "one.test", "good", version)
    assert "OCSP" not in Hello(pylon.tls_port, "one.test", version).text, "nobody asked"
    pylon.admin.patch("/ssls/1", {"ocsp_stapling": {"enabled": False}})
    assert staple(pylon, "one.test", version) is None
    pylon.admin.patch("/ssls/1", {"ocsp_stapling": None})
    assert staple(pylon, "one.test", version) is None


def test_each_certificate_of_an_object_has_its_own(pylon, responder):
    rsa, ec = responder.issue("both.test", kind="rsa"), responder.issue("both.test")
    responder.start()
    pylon.admin.put("/ssls/1", server_ssl(rsa, "both.test", certs=[ec.cert], keys=[ec.key], **ON))
    await_staple(pylon, "both.test", "good")
    await_staple(pylon, "both.test", "good", "-sigalgs", "RSA-PSS+SHA256")


@pytest.mark.parametrize("status,said", [("R", "revoked"), (None, "unknown")])
def test_what_is_not_good_is_sent_only_unverified(own_pylon, responder, status, said):
    pylon = own_pylon(workers=1)
    certificate = responder.issue("one.test", status=status)
    responder.start()
    pylon.admin.put("/ssls/1", server_ssl(certificate, "one.test", **ON))
    assert staple(pylon, "one.test") is None
    reason = f'failed to validate ocsp response: certificate status "{said}"'
    until(lambda: reason in pylon.read_log("error.log"), "the complaint", 10)
    assert staple(pylon, "one.test") is None
    pylon.admin.put("/ssls/1", server_ssl(certificate, "one.test", **ANY))
    await_staple(pylon, "one.test", said)


def test_a_responder_whose_word_is_worth_nothing(own_pylon, responder, tmp_path_factory):
    """It signs with a key that the certificate's authority knows nothing of."""
    pylon = own_pylon(workers=1)
    certificate = responder.issue("one.test")
    responder.start(signer=Authority(tmp_path_factory.mktemp("other"), "other"))
    pylon.admin.put("/ssls/1", server_ssl(certificate, "one.test", **ON))
    assert staple(pylon, "one.test") is None
    until(lambda: "it is not signed rightly" in pylon.read_log("error.log"), "the complaint", 10)


def test_a_responder_that_is_silent_delays_no_handshake(own_pylon, responder):
    pylon = own_pylon(workers=1)
    certificate = responder.issue("one.test")
    with socket.create_server(("127.0.0.1", responder.port)):
        pylon.admin.put("/ssls/1", server_ssl(certificate, "one.test", **ON))
        begun = time.monotonic()
        assert staple(pylon, "one.test") is None
        assert time.monotonic() - begun < 8, "it is given 10 s"
        until(lambda: "query failed: timeout" in pylon.read_log("error.log"), "the complaint", 20)


def test_no_responder_at_all(own_pylon, responder):
    pylon = own_pylon(workers=1)
    pylon.admin.put("/ssls/1", server_ssl(responder.issue("one.test"), "one.test", **ON))
    assert staple(pylon, "one.test") is None
    until(lambda: "ocsp responder query failed" in pylon.read_log("error.log"), "the complaint", 10)


def test_a_certificate_without_responder(own_pylon, tmp_path):
    pylon = own_pylon(workers=1)
    plain = Authority(tmp_path).issue("one.test")
    pylon.admin.put("/ssls/1", server_ssl(plain, "one.test", **ON))
    assert staple(pylon, "one.test") is None
    assert "cert not contains authority_information_access extension" in pylon.read_log("error.log")


def test_the_field_is_checked(pylon, responder):
    body = server_ssl(responder.issue("one.test"), "one.test")
    for bad in ({"enabled": "yes"}, {"cache_ttl": 59}, {"skip_verify": 1}):
        status, answer, _ = pylon.admin.call("PUT", "/ssls/1", {**body, "ocsp_stapling": bad})
        assert status == 400 and "ocsp_stapling" in str(answer), answer
