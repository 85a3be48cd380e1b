"""What the tests stand on: processes, sockets as octets, strict parsers, a scripted upstream."""
