"""A gRPC server that prints each call, and a client for it with `client` behind the port. Messages are bare bytes."""

import sys
from concurrent import futures

import grpc

CONTEXT = (("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("tracestate", "a=1,checkly=true"))


class Calls(grpc.GenericRpcHandler):
    def service(self, call):
        metadata = dict(call.invocation_metadata)
        print("=", "POST", call.method, 200, metadata.get("traceparent", "-"), metadata.get("tracestate", "-"), flush=True)
        if call.method == "/calls/Unary":
            return grpc.unary_unary_rpc_method_handler(lambda request, _: request * 2)
        if call.method == "/calls/Stream":
            return grpc.stream_stream_rpc_method_handler(lambda requests, _: requests)
        return None


def serve(port):
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=(Calls(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def ask(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for number in range(5):
            channel.unary_unary("/calls/Unary")(b"x" * 300 * number, metadata=CONTEXT if number % 2 else ())
        list(channel.stream_stream("/calls/Stream")(iter([b"a" * 100] * 10), metadata=CONTEXT))
        try:
            channel.unary_unary("/calls/Absent")(b"")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED


if __name__ == "__main__":
    ask(sys.argv[1]) if sys.argv[2:] else serve(sys.argv[1])
