"""A gRPC service of many kinds of calls, made from a .proto text at run time."""

import base64
import subprocess
import tempfile
import threading
from concurrent import futures
from pathlib import Path

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

from harness.ports import free_port

PROTO = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
enum Size { UNKNOWN = 0; SMALL = 1; LARGE = 2; }
message Item { string name = 1; int32 count = 2; Size size = 3; }
message Order {
  string customer = 1;
  int64 number = 2;
  repeated Item items = 3;
  map<string, int32> marks = 4;
  oneof payment { string card = 5; bool cash = 6; }
  bytes note = 7;
  double weight = 8;
  google.protobuf.Timestamp at = 9;
  optional bool gift = 10;
  uint64 big = 11;
  repeated string tags = 12;
}
message Detail { int32 code = 1; string reason = 2; }
service Shop {
  rpc Echo (Order) returns (Order);
  rpc Count (Order) returns (stream Item);
  rpc Fail (Order) returns (Order);
  rpc Slow (Order) returns (Order);
}
"""


def descriptor_set(text=PROTO):
    """As octets, with everything it imports."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "shop.proto").write_text(text)
        command = ["protoc", f"-I{folder}", "-I/usr/include", "--include_imports"]
        subprocess.run([*command, f"--descriptor_set_out={folder}/set", "shop.proto"], check=True)
        return Path(folder, "set").read_bytes()


class Shop:
    def __init__(self):
        octets = descriptor_set()
        self.encoded_set = base64.b64encode(octets).decode()
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(octets).file:
            pool.Add(file)
        factory = message_factory.MessageFactory(pool)
        self.types = {
            name: factory.GetPrototype(pool.FindMessageTypeByName(f"shop.v1.{name}"))
            for name in ("Order", "Item", "Detail")
        }
        self.metadata = []  # of each call
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        kinds = {
            "Echo": (grpc.unary_unary_rpc_method_handler, self.echo),
            "Count": (grpc.unary_stream_rpc_method_handler, self.count),
            "Fail": (grpc.unary_unary_rpc_method_handler, self.fail),
            "Slow": (grpc.unary_unary_rpc_method_handler, self.slow),
        }
        handlers = {
            name: kind(
                call,
                request_deserializer=self.types["Order"].FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for name, (kind, call) in kinds.items()
        }
        service = grpc.method_handlers_generic_handler("shop.v1.Shop", handlers)
        self.server.add_generic_rpc_handlers([service])
        self.port = self.server.add_insecure_port("127.0.0.1:%d" % free_port())
        self.server.start()

    def upstream(self):
        return {"type": "roundrobin", "scheme": "grpc", "nodes": {f"127.0.0.1:{self.port}": 1}}

    def echo(self, order, context):
        self.metadata.append((dict(context.invocation_metadata()), context.time_remaining()))
        context.set_trailing_metadata([("x-shop", "open")])
        return order

    def count(self, order, context):
        for number in range(order.number):
            yield self.types["Item"](name=order.customer, count=number)
        if order.cash:
            context.abort(grpc.StatusCode.DATA_LOSS, "half way: 100%")

    def fail(self, order, context):
        detail = any_pb2.Any(type_url="type.googleapis.com/shop.v1.Detail")
        detail.value = self.types["Detail"](code=7, reason="shut").SerializeToString()
        # google.rpc.Status by hand: code, message, details
        inner = detail.SerializeToString()
        status = b"\x08\x0e\x12\x04shut\x1a" + bytes([len(inner)]) + inner
        context.set_trailing_metadata([("grpc-status-details-bin", status)])
        context.abort(grpc.StatusCode.UNAVAILABLE, "shut")

    def slow(self, order, context):
        """Until it is cancelled."""
        ended = threading.Event()
        if context.add_callback(ended.set):
            ended.wait(20)
        return order

    def stop(self):
        self.server.stop(0)
