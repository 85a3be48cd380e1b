"""conf/debug.yaml: the field Apisix-Plugins tells which plugins ran."""

from harness.http import get
from harness.wire import until

ON = "basic:\n  enable: true\n#END\n"


def plugins_of(gateway, path, **more):
    told = get(gateway.port, path, **more).get(b"apisix-plugins")
    return told.decode() if told is not None else None


def test_basic_debug_mode(own_pylon, echo):
    gateway = own_pylon()
    upstream = echo.upstream()
    plugins = {
        "key-auth": {},
        "proxy-rewrite": {"headers": {"set": {"a": "b"}}},
        "response-rewrite": {"headers": {"set": {"c": "d"}}},
        "prometheus": {},
        "request-id": {"_meta": {"filter": [["arg_id", "==", "1"]]}},
    }
    gateway.admin.put("/routes/plain", {"uri": "/plain", "upstream": upstream})
    gateway.admin.put("/routes/many", {"uri": "/many", "upstream": upstream, "plugins": plugins})
    key = {"key-auth": {"key": "k"}}
    gateway.admin.put("/consumers", {"username": "bob", "plugins": key})
    assert plugins_of(gateway, "/plain") is None

    file = gateway.folder / "conf/debug.yaml"
    file.write_text(ON)
    until(lambda: plugins_of(gateway, "/plain") == "no plugin", "the debug mode", 5, 0.05)
    told = plugins_of(gateway, "/many", headers={"apikey": "k"})
    assert told == (
        "key-auth#rewrite, proxy-rewrite#rewrite, response-rewrite#header_filter, "
        "response-rewrite#body_filter, prometheus#log"
    )
    told = plugins_of(gateway, "/many?id=1", headers={"apikey": "k"})
    assert "request-id#" in told
    # Refused: what comes behind did not run.
    told = plugins_of(gateway, "/many")
    assert told.startswith("key-auth#rewrite, response-rewrite#header_filter")
    assert plugins_of(gateway, "/nowhere") == "no plugin"

    rule = {"plugins": {"prometheus": {}}}
    gateway.admin.put("/global_rules/1", rule)
    assert plugins_of(gateway, "/plain") == "no plugin"
    until(lambda: "Apisix-Plugins: prometheus#log" in gateway.read_log("error.log"), "the log")

    file.write_text(ON.replace("true", "false"))
    until(lambda: plugins_of(gateway, "/plain") is None, "the end of it", 5, 0.05)
    file.write_text("basic:\n  enable: true\n")  # half a file
    until(lambda: "missing valid end flag" in gateway.read_log("error.log"), "the log", 5, 0.05)
    assert plugins_of(gateway, "/plain") is None


def test_on_from_the_start(own_pylon, echo):
    gateway = own_pylon(start=False)
    (gateway.folder / "conf/debug.yaml").write_text(ON)
    gateway.start()
    assert plugins_of(gateway, "/x") == "no plugin"
