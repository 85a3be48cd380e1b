"""The commands that ask a gateway or its store: status, test --objects, completion."""

import json
import sqlite3
import subprocess
import time

from harness.wire import until

UPSTREAM = {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}


def run(gateway, *words):
    done = subprocess.run(gateway.command(*words), capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def spoil(gateway, key):
    """As a foreign program could: a stored object that nobody can use."""
    with sqlite3.connect(gateway.folder / "data/pylon.db") as database:
        database.execute("UPDATE entry SET value = ? WHERE key = ?", ('{"uri":5}', key))


def test_status(own_pylon):
    gateway = own_pylon()
    gateway.admin.put("/routes/1", {"uri": "/a", "upstream": UPSTREAM})
    code, text = run(gateway, "status")
    assert code == 0
    assert "2 of 2 workers serve, revision" in text
    assert "everything that is stored is served" in text
    code, text = run(gateway, "status", "--json")
    assert (code, json.loads(text)["workers"]) == (0, 2)
    assert run(gateway, "test", "--objects")[0] == 0
    gateway.stop()
    code, text = run(gateway, "status")
    assert (code, "`pylon start` starts it" in text) == (3, True)


def test_objects_of_a_store_that_nobody_serves(own_pylon):
    gateway = own_pylon()
    for name in "12":
        gateway.admin.put(f"/routes/{name}", {"uri": "/a", "upstream": UPSTREAM})
    gateway.stop()
    code, text = run(gateway, "test", "--objects")
    assert (code, "2 objects, 0 of them wrong" in text) == (0, True)
    spoil(gateway, "/apisix/routes/2")
    code, text = run(gateway, "test", "--objects")
    assert code == 4
    assert 'error: /apisix/routes/2: invalid configuration: property "uri"' in text
    assert "2 objects, 1 of them wrong" in text
    assert run(gateway, "test")[0] == 0
    gateway.start()
    until(lambda: run(gateway, "status")[0] == 4, "the quarantine", 5, 0.05)
    code, text = run(gateway, "status")
    assert "routes/2 is not served as it is stored" in text
    assert run(gateway, "test", "--objects")[0] == 4


def test_objects_of_a_file(own_pylon):
    gateway = own_pylon(
        {"deployment": {"role": "data_plane", "role_data_plane": {"config_provider": "yaml"}}},
        start=False,
    )
    path = gateway.folder / "conf/apisix.yaml"
    path.write_text("routes:\n  - uri: /a\n    upstream: {nodes: {'127.0.0.1:1': 1}}\n#END\n")
    assert run(gateway, "test", "--objects")[0] == 0
    path.write_text("routes:\n  - uri: 5\n  - uri: /b\n#END\n")
    code, text = run(gateway, "test", "--objects")
    assert code == 4 and 'property "uri"' in text


def test_completion(own_pylon, tmp_path):
    gateway = own_pylon(start=False)
    for shell in ("bash", "zsh", "fish"):
        code, text = run(gateway, "completion", shell)
        assert code == 0 and "explain" in text and "worker-process" not in text
    assert run(gateway, "completion", "tcsh")[0] == 2
    script = tmp_path / "completion"
    script.write_text(run(gateway, "completion", "bash")[1])

    def complete(line, index):
        words = f"COMP_WORDS=(pylon {line}); COMP_CWORD={index}"
        ask = f"source {script}; {words}; _pylon; echo ${{COMPREPLY[*]}}"
        command = ["bash", "-c", ask]
        return subprocess.run(command, capture_output=True, text=True).stdout.split()

    assert complete("exp", 1) == ["explain"]
    assert "--json" in complete("explain --j", 2)
    assert complete("re", 1) == ["reload", "restart"]
    assert complete("completion f", 2) == ["fish"]


def test_a_store_that_is_damaged_in_part(own_pylon):
    """Its objects can be read, but not what has changed since: it is looked at now and then."""
    gateway = own_pylon()
    gateway.admin.put("/routes/1", {"uri": "/a", "upstream": UPSTREAM})
    gateway.stop()
    path = gateway.folder / "data/pylon.db"
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE 'version%'")
        pages = [number for (number,) in found]
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
    gateway.start()
    until(lambda: "the configuration is read anew" in gateway.read_log("error.log"), "a gap", 10)
    start_s = time.monotonic()
    until(lambda: time.monotonic() - start_s > 1.5, "some more", 5, 0.1)
    assert gateway.read_log("error.log").count("the configuration is read anew") <= 6
    assert " more of: the configuration is read anew" not in gateway.read_log("error.log")
    assert gateway.admin.get("/routes/1")["value"]["uri"] == "/a"
