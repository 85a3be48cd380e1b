"""A small Admin API client."""

import http.client
import json


class AdminError(AssertionError):
    """The Admin API refused a change that the test needs."""


class Admin:
    def __init__(self, port, key):
        self.port = port
        self.key = key

    def call(self, method, path, body=None, key=None, headers=None):
        """(status, parsed body or text, headers) of one call under /apisix/admin."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        payload = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        all_headers = {"X-API-KEY": self.key if key is None else key, **(headers or {})}
        connection.request(method, "/apisix/admin" + path, payload, all_headers)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
        connection.close()
        try:
            return response.status, json.loads(text), response.headers
        except ValueError:
            return response.status, text, response.headers

    def put(self, path, body):
        """Creates or replaces; fails when the gateway refuses."""
        status, answer, _ = self.call("PUT", path, body)
        if status not in (200, 201):
            raise AdminError(f"PUT {path}: {status} {answer}")
        return answer

    def patch(self, path, body):
        status, answer, _ = self.call("PATCH", path, body)
        if status != 200:
            raise AdminError(f"PATCH {path}: {status} {answer}")
        return answer

    def get(self, path):
        status, answer, _ = self.call("GET", path)
        return answer if status == 200 else None

    def delete(self, path):
        return self.call("DELETE", path)[0]
