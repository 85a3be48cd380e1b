"""An https upstream: Debian's nginx, which tells what it saw of the TLS session."""

from pathlib import Path

from harness.ports import free_port
from harness.process import Process

CONFIGURATION = """
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/temp;
  proxy_temp_path {folder}/temp;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    ssl_session_cache shared:S:1m;
    {verify}
    location / {{
      default_type text/plain;
      set $names "sni=$ssl_server_name host=$http_host connection=$connection";
      return 200 "$names verify=$ssl_client_verify subject=$ssl_client_s_dn\\n";
    }}
    location /close {{ keepalive_timeout 0; return 200 "resumed=$ssl_session_reused\\n"; }}
    location /large {{ root {folder}; }}
  }}
}}
"""


class SecureSite:
    """`clients`: the authority whose client certificates are demanded."""

    def __init__(self, folder, certificate, clients=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        verify = ""
        if clients:
            verify = f"ssl_verify_client on; ssl_client_certificate {clients.cert_path};"
        path = self.folder / "nginx.conf"
        path.write_text(
            CONFIGURATION.format(
                folder=self.folder,
                port=self.port,
                cert=certificate.cert_path,
                key=certificate.key_path,
                verify=verify,
            )
        )
        (self.folder / "large").write_bytes(bytes(range(256)) * 8192)
        command = ["nginx", "-p", str(self.folder), "-c", str(path), "-g", "daemon off; user root;"]
        self.process = Process(command, self.folder)
        self.process.await_port(self.port)

    @property
    def node(self):
        return f"127.0.0.1:{self.port}"

    def upstream(self, **more):
        return {"type": "roundrobin", "scheme": "https", "nodes": {self.node: 1}, **more}

    def stop(self):
        self.process.stop()
