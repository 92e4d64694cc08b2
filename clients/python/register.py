"""How a Python service registers a user: pip install grpcio grpcio-tools googleapis-common-protos, and generate the stubs once:

python -m grpc_tools.protoc --proto_path=proto --proto_path=third_party/googleapis --proto_path=third_party/protovalidate \\
  --python_out=. --grpc_python_out=. proto/auth/v1/*.proto third_party/protovalidate/buf/validate/validate.proto

Reads a password from standard input and prints the user: python register.py alice alice@example.com --two-factor < password"""

import os
import sys

import grpc
from auth.v1 import auth_service_pb2, auth_service_pb2_grpc, user_pb2
from google.protobuf import json_format

ADDRESS = os.environ.get("ADDRESS", "localhost:50051")


def register(
    stub: auth_service_pb2_grpc.AuthServiceStub, request: auth_service_pb2.RegisterRequest
) -> user_pb2.User:
    """Registers a user and returns it; raises ValueError if it is not what was asked for."""
    user = stub.Register(request, timeout=10).user
    # A second factor that was asked for and is not there is a hole that nobody would notice.
    if user.two_factor_enabled != request.two_factor:
        raise ValueError(f"asked for two_factor {request.two_factor}, got {user.two_factor_enabled}")
    return user


if __name__ == "__main__":
    request = auth_service_pb2.RegisterRequest(
        username=sys.argv[1],
        email=sys.argv[2],
        password=sys.stdin.read().rstrip("\n"),
        two_factor="--two-factor" in sys.argv[3:],
    )
    try:
        # One a process: it keeps its connection. Credentials are those of your mesh or proxy.
        with grpc.insecure_channel(ADDRESS) as channel:
            user = register(auth_service_pb2_grpc.AuthServiceStub(channel), request)
        print(json_format.MessageToJson(user, preserving_proto_field_name=True, indent=None))
    except (grpc.RpcError, ValueError) as error:
        sys.exit(f"refused: {error}")
